"""The answers of ``ldd`` about single files: how one loads, what one holds, how files are hardened."""

from fleet_audit.audit.model.elf import Trace
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.report import LddReport

HARMLESS = frozenset({"host-driver", "optional", "relative-rpath"})
"""Kinds of problems that do not keep an entry point from loading where it runs."""


class TreeReport(LddReport, frozen=True, kw_only=True):
    """How one file loads, step by step; its only entry is that file.

    The verdict is the loader's: pass where the file loads, fail where it does not, incomplete where that is
    not known.
    """

    tree: Trace

    @property
    def verdict(self) -> Verdict:
        """Say whether the file loads."""
        if any(p.kind not in HARMLESS for entry in self.entries for p in entry.problems):
            return Verdict.FAIL
        if any(gap.blocking for gap in self.gaps):
            return Verdict.INCOMPLETE
        return Verdict.PASS
