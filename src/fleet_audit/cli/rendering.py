"""Reports as the text of one format, for wherever it goes."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.model.report import Judged
from fleet_audit.cli.options import Common, created_now
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.renderers import render

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.run.subject import Subject

JudgedT = TypeVar("JudgedT", bound=Judged)

_HERE = Path()
_MIN_WIDTH, _MAX_WIDTH, _PIPED_WIDTH = 60, 140, 120


def renderer(  # noqa: PLR0913  (the last two are for single commands)
    kind: type[Judged],
    reports: Sequence[Judged],
    common: Common,
    fleet: "Fleet | None",
    root: Path = _HERE,
    *,
    is_full: bool = False,
) -> Callable[[str], str]:
    """Return a function from a format's name to the text in it of these reports of one kind.

    `root` is the folder from which their findings name files. With `is_full`, no list is cut.
    """
    start, here = os.path.relpath(root), os.path.relpath(os.path.realpath(_HERE), os.path.realpath(root))
    options = msgspec.structs.replace(options_for(common, fleet), start=start, here=here, is_full=is_full)
    return lambda format_name: render(kind, reports, format_name, options)


def placed(report: JudgedT, subject: "Subject") -> JudgedT:
    """Return a report that says where its paths begin, where that is not in the manifest's folder."""
    if subject.folder is None:
        return report
    return msgspec.structs.replace(report, folder=repository_folder(subject.folder))


def options_for(common: Common, fleet: "Fleet | None") -> RenderOptions:
    """Return how text is to look where standard output goes."""
    return RenderOptions(
        created=created_now(),
        version=__version__,
        width=_width(),
        is_coloured=_is_coloured(common),
        manifest=fleet.file if fleet else "",
        fleet_words=("-f", str(common.fleet)) if common.fleet else (),
        repository_folder=repository_folder(Path(fleet.root)) if fleet else "",
    )


def repository_folder(root: Path) -> str:
    """Return a folder's path within the git repository that holds it; empty at its root or outside of any."""
    absolute = Path(os.path.abspath(root))
    for above in (absolute, *absolute.parents):
        if (above / ".git").exists():
            inside = absolute.relative_to(above).as_posix()
            return "" if inside == "." else inside
    return ""


def _width() -> int:
    if not sys.stdout.isatty():
        return _PIPED_WIDTH
    return min(max(_terminal_columns(), _MIN_WIDTH), _MAX_WIDTH)


def _terminal_columns() -> int:
    from shutil import get_terminal_size  # noqa: PLC0415  (it loads compressors; only terminals pay)

    return get_terminal_size().columns


def _is_coloured(common: Common) -> bool:
    is_plain = any(os.environ.get(name) for name in ("NO_COLOR", "CI"))
    writes_to_files = any("=" in word for word in common.output)
    return sys.stdout.isatty() and not is_plain and not writes_to_files
