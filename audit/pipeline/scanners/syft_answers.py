"""What syft answers for one image, or why it does not."""

import os
from collections.abc import Callable

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import SCANNERS, Shared
from fleet_audit.audit.pipeline.scanners.scanning import nothing, packages_found, reason
from fleet_audit.audit.tools import syft
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError

_STAGE = "sbom"
_LACKING = "what only syft finds is not listed"


class SyftOptions(msgspec.Struct, frozen=True):
    """What the user decided: the program to ask, and whether it sees the whole image or what it looks at.

    `seconds` are what it is given to answer.
    """

    program: str = ""
    is_full: bool = False
    seconds: float = syft.SCAN_SECONDS


class SyftAnswer(msgspec.Struct, frozen=True):
    """syft's document, where there is one, and what is to be said of it."""

    document: syft.SyftDocument | None = None
    tool: ToolUse | None = None
    gaps: tuple[Gap, ...] = ()


def syft_answer(
    scene: Scene, shared: Shared, options: SyftOptions, *, meanwhile: Callable[[], object] = nothing
) -> SyftAnswer:
    """Return what syft says of an opened image; a gap where it is absent or fails.

    Nothing is downloaded, and no network used. For `meanwhile` see `packages_found`.
    """
    versions = FolderStore(shared.settings.cache_dir / SCANNERS)
    try:
        scanner = syft.find_syft(os.environ, named=options.program, versions=versions)
        if scanner is None:
            why = f"it was not found, so {_LACKING}; {syft.ADVICE}"
            return SyftAnswer(gaps=(Gap(_STAGE, GapKind.SCANNER_ABSENT, syft.NAME, why),))
        found = packages_found(
            scene.image,
            scanner,
            shared.settings,
            full=options.is_full,
            timeout=options.seconds,
            meanwhile=meanwhile,
        )
    except ToolError as e:
        why = f"{reason(e)}; {_LACKING}"
        return SyftAnswer(gaps=(Gap(_STAGE, GapKind.SCANNER_FAILED, syft.NAME, why),))
    return SyftAnswer(found.document, ToolUse(syft.NAME, scanner.version), found.gaps)
