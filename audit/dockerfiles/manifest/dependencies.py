"""Whether services depend on services that are there, and not on themselves; which families nobody uses."""

from collections.abc import Iterator, Mapping, Sequence

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.model.manifest_claims import Disagreement, ManifestMismatch


def dependency_mismatches(lines: ManifestLines) -> Iterator[ManifestMismatch]:
    """Yield dependencies on nobody, each cycle of dependencies, and families without a user."""
    services = {service.name: service for service in lines.manifest.services}
    for service in services.values():
        for at, wanted in enumerate(service.depends_on):
            if wanted not in services:
                place = lines.of(service, "depends_on", at)
                yield ManifestMismatch(
                    Disagreement.UNKNOWN_DEPENDENCY, service.name, place, wanted, services=(service.name,)
                )
    for cycle in cycles({name: service.depends_on for name, service in services.items()}):
        yield ManifestMismatch(
            Disagreement.DEPENDENCY_CYCLE,
            cycle[0],
            lines.of(services[cycle[0]], "depends_on"),
            " -> ".join((*cycle, cycle[0])),
            services=tuple(sorted(cycle)),
        )
    yield from _unused_families(lines)


def _unused_families(lines: ManifestLines) -> Iterator[ManifestMismatch]:
    used = {lines.fleet.family_name(service.family) for service in lines.manifest.services}
    used |= {above for name in used if name for above in lines.fleet.ancestors(name)}
    for name in lines.manifest.families:
        if name not in used:
            place = lines.at("families", name)
            yield ManifestMismatch(Disagreement.UNUSED_FAMILY, name, place, families=(name,))


def cycles(needs: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return a cycle for each edge that closes one, from its first name on; in linear time."""
    done: set[str] = set()
    found = []
    for start in needs:
        path: list[str] = []
        on_path: set[str] = set()
        pending = [(start, True)]
        while pending:
            name, is_entered = pending.pop()
            if not is_entered:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif name in on_path:
                found.append(tuple(path[path.index(name) :]))
            elif name in needs and name not in done:
                path.append(name)
                on_path.add(name)
                pending.append((name, False))
                pending += [(wanted, True) for wanted in reversed(needs[name])]
    return found
