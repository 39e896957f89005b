"""A manifest that is not written yet."""

import msgspec

Plain = str | int | bool | None | tuple["Plain", ...] | dict[str, "Plain"]


class Guess(msgspec.Struct, frozen=True):
    """A value, and why it was taken; without a reason it is not worth one."""

    value: Plain
    why: str = ""


Fields = dict[str, Guess]
"""The fields of a part of a manifest, in the order in which they are to be written."""


class Draft(msgspec.Struct, frozen=True):
    """A manifest as far as the repository says it. `open_questions` are what it does not say."""

    fleet: Guess
    registry: Fields
    defaults: Fields
    machines: dict[str, Fields]
    families: dict[str, Fields]
    services: tuple[Fields, ...]
    open_questions: tuple[str, ...] = ()
