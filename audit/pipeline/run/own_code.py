"""What services' own code is said to be, once for all of them: absent, or no valid Python."""

from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.imports import ServiceImports, UnparsedFile


def absent_code(services: Iterable[ServiceImports]) -> Iterator[Gap]:
    """Yield a gap for each service without any code: to say nothing against it would be no answer."""
    for service in services:
        if not (service.files or service.imports or service.gaps):
            why = "there is no Python source for it; name its entry or source_paths"
            yield Gap("static_imports", GapKind.NO_SERVICE_SOURCE, service.service, why)


def merged_unparsed(services: Iterable[ServiceImports]) -> tuple[UnparsedFile, ...]:
    """Return every file that does not parse once, with all services that it belongs to."""
    found: dict[str, UnparsedFile] = {}
    for file in (file for service in services for file in service.unparsed):
        before = found.get(file.path, file)
        found[file.path] = msgspec.structs.replace(
            max(before, file, key=_weight_of_fault),
            services=tuple(sorted({*before.services, *file.services})),
        )
    return tuple(found[path] for path in sorted(found))


def _weight_of_fault(file: UnparsedFile) -> tuple[bool, bool, int]:
    return (file.is_fatal, file.is_reached, -file.level)
