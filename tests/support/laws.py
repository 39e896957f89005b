"""How many examples a law is tried on: all in the slow suite, a share of them in the fast one."""

from hypothesis import settings

FULL = 100
"""What the profile of the slow suite tries, which is hypothesis's own default."""


def examples(count: int) -> settings:
    """Return settings that try a law on `count` examples, or on the share of them that the profile says."""
    return settings(max_examples=max(5, count * settings().max_examples // FULL))
