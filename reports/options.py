"""What a renderer is told besides the report itself."""

import msgspec


class RenderOptions(msgspec.Struct, frozen=True):
    """The time and the version to state, and how terminal text is to look.

    `created` is ISO 8601 in UTC; `width` is in columns. `manifest` is the place of findings that no other
    line of the repository stands for; empty where there is none. `repository_folder` is the manifest's
    folder within its repository, for formats whose readers start at the repository's root. `fleet_words` are
    the options by which the user named the manifest, for commands that are suggested; `here` is the
    folder where these are typed, seen from the one from which findings name files, and `start` that one, seen
    from here.
    """

    created: str
    version: str
    width: int = 100
    is_coloured: bool = False
    manifest: str = ""
    repository_folder: str = ""
    fleet_words: tuple[str, ...] = ()
    start: str = "."
    here: str = "."
    is_full: bool = False
