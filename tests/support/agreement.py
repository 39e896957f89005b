"""Compares what is predicted of libraries with what their own loader said of them, each in words."""

import re
from collections.abc import Iterator, Mapping, Sequence

from fleet_audit.audit.images.tree import FileTree, basename
from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint, Resolved
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.one_file import HARMLESS
from fleet_audit.audit.pipeline.run.scene import Scene
from tests.support.chroots import Traced

FALSE_POSITIVE, FALSE_NEGATIVE = "false positive", "false negative"


def libraries(scene: Scene) -> list[EntryPoint]:
    """Return every file of the system that is called like a library, each to be loaded by its Python."""
    named = (path for path in sorted(scene.elf) if re.search(r"\.so(\.|$)", basename(path)))
    return [EntryPoint(path, EntryKind.EXTENSION_MODULE) for path in named]


def reasons(closure: Closure) -> set[str]:
    """Return the kinds of what keeps a library from loading."""
    return {problem.kind for problem in problems(closure)} - HARMLESS


def is_stack_refused(closure: Closure) -> bool:
    """Say whether we expect the loader to refuse an executable stack, which a trace does not do."""
    return any("executable stack" in problem.detail for problem in problems(closure))


def differences(tree: FileTree, closure: Closure, trace: Traced) -> Iterator[str]:
    """Yield each soname and version on which the loader's trace and we disagree, in words."""
    if is_stack_refused(closure):
        return
    absent = {soname for soname, path in trace.files.items() if path is None}
    ours = missing_sonames(closure)
    yield from (f"{FALSE_POSITIVE}: {soname}" for soname in sorted(ours - absent))
    yield from (f"{FALSE_NEGATIVE}: {soname}" for soname in sorted(absent - ours))
    for request in closure.requests:
        path = trace.files.get(request.soname)
        taken = None if path is None else tree.realpath(ImagePath(path))
        if (
            taken is not None
            and isinstance(request.resolution, Resolved)
            and taken != request.resolution.path
        ):
            yield f"another file: {request.soname} is {taken}, not {request.resolution.path}"
    wanted = {(version, tree.realpath(ImagePath(by))) for version, by in trace.versions}
    named = {(problem.version, problem.wanted_by) for problem in closure.version_problems}
    yield from (f"{FALSE_POSITIVE}: version {version} of {by}" for version, by in named - wanted)
    yield from (f"{FALSE_NEGATIVE}: version {version} of {by}" for version, by in wanted - named)


def differing_from(
    tree: FileTree, closures: Sequence[Closure], traces: Mapping[ImagePath, Traced]
) -> dict[ImagePath, list[str]]:
    """Return the entry points on which the loader and we disagree, and how."""
    found = {c.entry.path: list(differences(tree, c, traces[c.entry.path])) for c in closures}
    return {path: words for path, words in found.items() if words}


def judged(closure: Closure, said: str) -> str:
    """Compare what is predicted of one library with what dlopen said of it."""
    kinds = reasons(closure)
    absent = re.match(r"(\S+): cannot open shared object file", said)
    version = re.search(r"version `([^']+)' not found \(required by", said)
    if absent:
        is_agreed = absent[1] in missing_sonames(closure)
        return "agreed: missing" if is_agreed else f"{FALSE_NEGATIVE}: {said}"
    if version:
        is_agreed = version[1] in {problem.version for problem in closure.version_problems}
        return "agreed: version" if is_agreed else f"{FALSE_NEGATIVE}: {said}"
    if symbol := re.search(r"undefined symbol: (\w+)", said):
        return undefined_symbol(closure, symbol[1])
    if said:
        return f"agreed: {min(kinds)}" if kinds else f"{FALSE_NEGATIVE}: {said}"
    return f"{FALSE_POSITIVE}: {sorted(kinds)}" if kinds else "agreed: loads"


def undefined_symbol(closure: Closure, name: str) -> str:
    """Compare the symbol that dlopen stopped at with those that are predicted."""
    symbols = [problem for problem in problems(closure) if problem.kind == "symbol"]
    if not symbols:
        return f"{FALSE_NEGATIVE}: undefined symbol {name}"
    return "agreed: undefined symbol" if any(name in p.detail for p in symbols) else f"other symbol: {name}"
