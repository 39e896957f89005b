"""What editable installs put elsewhere than the search path says, and how their finders are named."""

import re

import msgspec

from fleet_audit.audit.model.identity import ImagePath, ModuleName

WITH_TABLES = re.compile(r"__editable___.+_finder")
"""How setuptools names the module that holds its tables."""

WITH_CALLS = re.compile(r"_editable_impl_.+")
"""How the ``editables`` package names the module that calls it."""

_BUILT = re.compile(r"_editable_skbc_.+|_.*_editable(?:_loader)?")
"""How scikit-build-core (the first form since version 1) and meson-python name theirs."""


class Redirects(msgspec.Struct, frozen=True):
    """What is found in another place than the search path says.

    `modules` lead to a package's folder or to a module's file, with or without its ending; `namespaces` are
    packages without ``__init__`` and the folders that they stand in. Both count once nothing on the path has
    the name. Before the path is asked come `first`, which leads to packages' folders, and `files`, which has
    the file of each module by its full name; `paths` are then the folders of the packages among these
    (``__path__``), and of those that have no ``__init__``.
    """

    modules: dict[ModuleName, ImagePath] = {}
    namespaces: dict[ModuleName, tuple[ImagePath, ...]] = {}
    first: dict[ModuleName, ImagePath] = {}
    files: dict[ModuleName, ImagePath] = {}
    paths: dict[ModuleName, tuple[ImagePath, ...]] = {}

    def merged(self, other: "Redirects") -> "Redirects":
        """Return both; where two redirect one name, the first has the word."""
        return Redirects(
            {**other.modules, **self.modules},
            {**other.namespaces, **self.namespaces},
            {**other.first, **self.first},
            {**other.files, **self.files},
            {**other.paths, **self.paths},
        )

    def __bool__(self) -> bool:
        """Say whether anything is redirected."""
        return any((self.modules, self.namespaces, self.first, self.files, self.paths))


def is_finder(module: str) -> bool:
    """Say whether a module is called as the finders of editable installs are."""
    return any(form.fullmatch(module) for form in (WITH_TABLES, WITH_CALLS, _BUILT))
