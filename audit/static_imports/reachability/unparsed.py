"""Which of a service's own files do not parse, and whether that keeps the service from starting."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from fleet_audit.audit.model.imports import Level, UnparsedFile
from fleet_audit.audit.static_imports.library import Library
from fleet_audit.audit.static_imports.reachability.expansion import Expansion
from fleet_audit.audit.static_imports.reachability.reach import Reached
from fleet_audit.audit.static_imports.resolution.finder import Module, Place
from fleet_audit.audit.static_imports.source.records import Block, BlockKind

_CAUGHT_BY = frozenset({"SyntaxError", "Exception", "BaseException"})
"""What catches the SyntaxError of an import; a handler of ImportError does not (Built-in Exceptions)."""


def unparsed_files(
    service: str,
    own: Iterable[Reached],
    files: Iterable[Place],
    library: Library,
    find: Callable[[str], Module | None],
) -> tuple[UnparsedFile, ...]:
    """Return the files of a service, reached or not, that are no valid Python for its image; sorted.

    `own` are its own modules that are reached, `files` all of its source files.
    """
    reached: defaultdict[Place, list[Reached]] = defaultdict(list)
    for module in own:
        if module.module.file is not None:
            reached[module.module.file].append(module)
    survived = None
    found: list[UnparsedFile] = []
    for place in sorted({*reached, *files}):
        record = library.record(place)
        if record is None or record.fault is None:
            continue
        if survived is None:
            survived = _survived(reached, find)
        found.append(
            UnparsedFile(
                path=place.path.removeprefix("/"),
                line=record.fault.line,
                error=record.fault.error,
                recovered=len(record.imports),
                services=(service,),
                is_reached=place in reached,
                level=min((module.level for module in reached.get(place, ())), default=Level.CERTAIN),
                is_survived=place in survived,
                parser=record.parser,
                skimmed=record.skimmed,
            )
        )
    return tuple(found)


def _survived(reached: dict[Place, list[Reached]], find: Callable[[str], Module | None]) -> frozenset[Place]:
    """Return the files that are imported only where a failure to parse them is caught."""
    ways: defaultdict[Place, list[bool]] = defaultdict(list)
    for importer in (module for modules in reached.values() for module in modules):
        if importer.expansion is None or importer.level is not Level.CERTAIN:
            continue
        for target, is_caught in _imported(importer.expansion, find):
            ways[target].append(is_caught or importer.is_guarded)
    return frozenset(place for place, caught in ways.items() if all(caught))


def _imported(expansion: Expansion, find: Callable[[str], Module | None]) -> Iterator[tuple[Place, bool]]:
    """Yield the files that a module certainly imports, and whether their failure to parse is caught."""
    blocks = {statement.line: statement.block for statement in expansion.record.imports}
    blocks.update({call.line: call.block for call in expansion.record.dynamic})
    for link in expansion.links:
        target = find(link.target) if link.level is Level.CERTAIN else None
        if target is not None and target.file is not None:
            yield target.file, _is_caught(expansion.record.blocks, blocks.get(link.line, 0))


def _is_caught(blocks: Sequence[Block], block: int) -> bool:
    """Say whether a SyntaxError in `block` is caught in its function, and survived."""
    while block > 0 and blocks[block].kind is not BlockKind.FUNCTION:
        is_trying = blocks[block].kind in (BlockKind.TRY, BlockKind.WITH)
        if is_trying and not _CAUGHT_BY.isdisjoint(blocks[block].catches):
            return True
        block = blocks[block].parent
    return False
