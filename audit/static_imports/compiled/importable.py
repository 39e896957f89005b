"""Which extension modules an image's Python can import, whoever imports them."""

from collections.abc import Iterator

from fleet_audit.audit.images.tree import FileTree, basename, parent
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.model.imports import ExtensionModule, Level
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter


def importable_extensions(
    image: FileTree, interpreter: Interpreter, distributions: Distributions | None = None
) -> tuple[ExtensionModule, ...]:
    """Return every extension module that can be imported in an image, with its distribution, by path.

    `distributions` are those of the interpreter's site folders, where the caller has them already.
    """
    owner = (distributions or Distributions(image, interpreter.site_folders)).owner
    found: dict[ImagePath, ExtensionModule] = {}
    folders = [f for f in interpreter.search_path if image.realpath(f) is not None]
    for folder in folders:
        inner = tuple(f"{other}/" for other in folders if other != folder and other.startswith(f"{folder}/"))
        canonical = image.realpath(folder) or folder
        for path, _ in image.files(folder):
            if path in found or not path.endswith(interpreter.suffixes):
                continue
            shown = ImagePath(folder + path.removeprefix(canonical))
            module = None if shown.startswith(inner) else _module(shown, folder, interpreter)
            if module is not None:
                found[path] = ExtensionModule(shown, module, Level.CERTAIN, owner(shown))
    for path, module in _redirected(image, interpreter):
        found.setdefault(path, ExtensionModule(path, module, Level.CERTAIN, owner(path)))
    return tuple(found[path] for path in sorted(found))


def _redirected(image: FileTree, interpreter: Interpreter) -> Iterator[tuple[ImagePath, ModuleName]]:
    """Yield the extension modules in the packages that editable installs find elsewhere."""
    for name, target in interpreter.redirects.modules.items():
        named = parent(target) if basename(target) == "__init__.py" else target
        folder = image.realpath(named) or named
        for path, _ in image.files(folder):
            module = _module(path, folder, interpreter)
            if module is not None:
                yield path, ModuleName(f"{name}.{module}")
    for name, file in interpreter.redirects.files.items():
        if file.endswith(interpreter.suffixes) and image.realpath(file) is not None:
            yield file, name


def _module(path: ImagePath, folder: ImagePath, interpreter: Interpreter) -> ModuleName | None:
    name = basename(path)
    stem = next((name.removesuffix(s) for s in interpreter.suffixes if name.endswith(s)), None)
    if stem is None:
        return None
    parts = [*path[len(folder) + 1 :].split("/")[:-1], stem]
    if parts[-1] == "__init__":
        parts.pop()
    is_importable = bool(parts) and all(part.isidentifier() for part in parts)
    return ModuleName(".".join(parts)) if is_importable else None
