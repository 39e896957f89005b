"""Processes that are killed, interrupted or share their places, and readers that go away."""

import os
import sys

from tests.support.faults.fault import Breaking, Fault
from tests.support.faults.stand import Stand
from tests.support.scanner_programs import trivy_that

_APART = "import os"

_ENDS_WITH_A_LAYER = """
import os, signal, sys
def _end(event, words, own=os.getpid()):
    is_worker = os.getpid() != own or "--multiprocessing-fork" in sys.orig_argv
    if event == "open" and is_worker and "blobs/sha256" in str(words[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(_end)
"""
_IN_PROCESSES = """
from fleet_audit.audit.images import reading
reading._WORTH_A_PROCESS = 0
"""
_WHILE_WRITING = """
import os, signal
from fleet_audit.audit.pipeline.audits import stored
stored.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
"""
_CLOSED = """
import os
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
"""
_FULL = """
import os
os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
"""
_FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
"""


def _signalled(name: str) -> Breaking:
    """Have trivy, while it is waited for, send a signal to the gate."""

    def breaks(at: Stand) -> None:
        at.first = _APART
        trivy_that(at.bin, f"kill -{name} $PPID", "sleep 5")

    return breaks


def _first(lines: str) -> Breaking:
    def breaks(at: Stand) -> None:
        at.first = lines

    return breaks


def _worker(at: Stand) -> None:
    """Have each process that is started to read layers die as it opens one."""
    own = at.root / "own"
    own.mkdir()
    # Those that are forked have it from the gate, those that are spawned find it on their own.
    (own / "sitecustomize.py").write_text(_ENDS_WITH_A_LAYER, encoding="utf-8")
    at.env["PYTHONPATH"] = os.pathsep.join([str(own), *filter(None, sys.path)])
    at.first = _ENDS_WITH_A_LAYER + _IN_PROCESSES
    at.words += ["--jobs", "2"]


PROCESSES = (
    Fault(
        "a process that reads a layer is killed",
        _worker,
        3,
        "killed the process that read it",
        "unreadable-layer",
    ),
    Fault("the gate is killed while a scanner runs", _signalled("KILL"), -9),
    Fault("the gate is asked to end while a scanner runs", _signalled("TERM"), -15),
    Fault("the gate is interrupted while a scanner runs", _signalled("INT"), 130, "fleet-audit: stopped"),
    Fault("the gate's terminal goes while a scanner runs", _signalled("HUP"), -1),
    Fault("the gate is killed while an audit is written", _first(_WHILE_WRITING), -9),
    Fault("nobody reads what the gate says", _first(_CLOSED), 141),
    Fault(
        "what the gate says goes onto a full disk",
        _first(_FULL),
        2,
        "cannot write standard output: No space left on device",
    ),
    Fault("no more files can be opened", _first(_FEW_FILES), 3, "Too many open files", "scanner-failed"),
)
