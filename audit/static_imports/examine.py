"""What services' code really imports, loads and runs, and what that reaches in an image."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import KnownImport
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.kept_examination import (
    Compiled,
    Found,
    Keeping,
    World,
    kept_or_examined,
)
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode

if TYPE_CHECKING:
    from fleet_audit.audit.static_imports.source.store import RecordStore


def examine(  # noqa: PLR0913  (the stage's whole input, each part from another stage)
    services: Sequence[ServiceCode],
    sources: FileTree,
    image: FileTree | None,
    interpreter: Interpreter | None,
    *,
    records: "RecordStore | None",
    keeping: Keeping | None = None,
    suggestions: Mapping[str, tuple[DistributionName, ...]] | None = None,
    computed_imports: Sequence[KnownImport] = (),
    compiled: Compiled | None = None,
    watched: Mapping[str, tuple[str, ...]] | None = None,
) -> Examination:
    """Examine `services` on one image; nothing is executed or imported.

    `suggestions` maps modules to distributions that are known to hold them. `computed_imports` are
    imports that no reading of the code can see; `watched` are names of modules whose every use is to be told.
    `compiled` gives the names in the image's extension modules, by canonical path; what it does not have is
    read from `image`. Without an image, only the repository is searched, and what no requirement file names
    is missing only where a service stands on no family. Records of files are taken from, and kept in,
    `records`; the whole answer as `keeping` says.
    """
    world = World(sources, image, compiled)

    def found(looked_at: World) -> Found:
        # What parses source takes 0.1 s to load, and an answer that was kept needs none of it.
        from fleet_audit.audit.static_imports.examiner import Knowledge, examined  # noqa: PLC0415  (see above)

        knowledge = Knowledge(suggestions or {}, computed_imports, watched or {})
        return examined(services, looked_at, interpreter, records, knowledge)

    if keeping is None:
        return found(world).answer
    held = tuple((suggestions or {}).items())
    names = tuple((watched or {}).items())
    asked = (services, image is None, compiled is None, interpreter, held, computed_imports, names)
    return kept_or_examined(keeping, asked, world, found)
