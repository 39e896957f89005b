"""What a fault is: one thing that is broken, and what a gate has to answer."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.support.faults.stand import Seen, Stand, stand

Breaking = Callable[[Stand], object]


class Fault(NamedTuple):
    """One thing that is broken. `name` is what a person would call it.

    The gate has to end with `code` (negative: by that signal), to say `says`, and where `gap` is given, to
    have it block. Without the fault it passes; where not `is_waived`, it fails. With `is_warm` all that can
    be worked out has been before.
    """

    name: str
    breaks: Breaking
    code: int
    says: str = ""
    gap: str = ""
    is_waived: bool = True
    is_warm: bool = False

    def seen(self, root: Path) -> Seen:
        """Break the world in an empty folder and return what the gate says of it."""
        made = stand(root, is_waived=self.is_waived, is_warm=self.is_warm)
        self.breaks(made)
        return made.judge()

    def wrong(self, seen: Seen) -> list[str]:
        """Return, in words, what of an answer should not be."""
        told = " ".join(seen.said.split())
        wrong = [*seen.lost]
        if seen.code != self.code:
            wrong.append(f"it ended with {seen.code}, not {self.code}")
        if self.says not in told:
            wrong.append(f"it does not say: {self.says}")
        if self.gap and self.gap not in seen.gaps:
            wrong.append(f"no gap of the kind {self.gap} blocks, of {seen.gaps}")
        wrong += [f"it says {word}" for word in ("Traceback", "internal error") if word in told]
        return wrong
