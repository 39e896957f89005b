"""Levels of the x86-64 instruction set, by name and by the bits of a program property (x86-64 psABI)."""

LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")


def level_of(name: str) -> int | None:
    """Return the number of a level, 1 for the baseline; None for another name or none."""
    if name == "x86-64-v1":
        return 1
    return LEVELS.index(name) + 1 if name in LEVELS else None


def level_needed(bits: int) -> int:
    """Return the highest level that the bits of a property ask for, 0 for none."""
    return (bits & (1 << len(LEVELS)) - 1).bit_length()


def level_name(level: int) -> str:
    """Return a level by its name."""
    return LEVELS[level - 1]
