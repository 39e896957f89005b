"""Where a service's code is."""

import msgspec


class ServiceCode(msgspec.Struct, frozen=True):
    """Where a service's code is, as its manifest says. Paths are relative to the root of the sources.

    `entry` is a script (``path/to/app.py``), ``module:NAME`` for what ``python -m NAME`` runs,
    ``NAME:attribute`` as servers take it, or empty: then every file of `source_paths` is one.
    `requirements` are requirement files, `root` the folder that the service is started in. `commands` are
    the words of command lines that are known to start it, besides the image's own.
    """

    name: str
    entry: str = ""
    source_paths: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = (".",)
    first_party_imports: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    root: str = ""
    family: str = ""
    commands: tuple[str, ...] = ()
