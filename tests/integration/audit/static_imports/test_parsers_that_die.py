"""A parser that dies of a file, hangs or is killed costs that file its answer, and nothing else."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.syntax import Judge

pytestmark = pytest.mark.integration

CHAINED = b"x = " + b"1+" * 20_000 + b"1\n"
PARENTHESES = b"x = " + b"(" * 5_000 + b"1" + b")" * 5_000 + b"\n"
PATTERNS = b"match x:\n case " + b"(" * 60 + b"a" + b")" * 60 + b": pass\n"
UNKNOWN = b"print 'x'\n"
"""What this Python refuses; of a version that is newer, libcst has to say."""

NEWER = (3, 99)
SOUND = b"x = " + b"[" * 40 + b"]" * 40 + b"\n"


def test_a_worker_that_dies_or_hangs_costs_an_answer_and_no_more() -> None:
    with Judge(deadline=3) as judge:
        for hostile in (CHAINED, PARENTHESES, PATTERNS):
            body = hostile + UNKNOWN
            answer = judge.judge(body, lex(decode(body)), NEWER)
            assert not answer.is_whole
        assert judge.judge(SOUND, lex(decode(SOUND)), (3, 11)).is_whole


def test_a_worker_that_is_killed_is_replaced_and_what_python_itself_says_is_kept() -> None:
    body = PATTERNS + UNKNOWN
    with Judge(deadline=60) as judge:
        killer = threading.Thread(target=_kill_children)
        killer.start()
        answer = judge.judge(body, lex(decode(body)), NEWER)
        killer.join()
        assert answer.fault is None
        assert "print" in answer.why_unknown
        assert judge.judge(SOUND, lex(decode(SOUND)), (3, 11)).is_whole


def _kill_children() -> None:
    """Kill what parses once it has had the time to say what Python's own parser says."""
    while not any(_processor_seconds(child.pid) > 1.5 for child in multiprocessing.active_children()):
        time.sleep(0.1)
    for child in multiprocessing.active_children():
        child.kill()


def _processor_seconds(process: int | None) -> float:
    """Return what a process has used (man 5 proc_pid_stat)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
