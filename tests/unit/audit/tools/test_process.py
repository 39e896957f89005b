import sys
import time
from pathlib import Path

import pytest

from fleet_audit.audit.tools.process import (
    ToolFailed,
    ToolTalkedTooMuch,
    ToolTimedOut,
    ToolUnavailable,
    run,
)


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def test_what_a_program_writes_is_returned() -> None:
    assert run(python("print('hello')"), timeout=20, env={}) == b"hello\n"


def test_a_program_sees_the_environment_we_chose_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")

    seen = run(python("import os; print(sorted(os.environ))"), timeout=20, env={"GIVEN": "1"})

    assert b"GIVEN" in seen
    assert b"SECRET_OF_OURS" not in seen


def test_a_large_input_and_a_large_output_do_not_wait_for_each_other() -> None:
    echo = python("import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)")
    body = b"x" * 1_000_000

    assert run(echo, timeout=20, env={}, stdin=body) == body


def test_a_flood_on_stderr_does_not_stop_the_program() -> None:
    program = python("import sys; sys.stderr.write('e' * 1_000_000); print('done')")

    assert run(program, timeout=20, env={}) == b"done\n"


def test_a_program_that_reads_none_of_its_input_is_well() -> None:
    assert run(python("print('no')"), timeout=20, env={}, stdin=b"x" * 1_000_000) == b"no\n"


def test_a_failing_program_is_quoted() -> None:
    with pytest.raises(ToolFailed, match="ended with status 3: no such suite") as caught:
        run(python("import sys; print('no such suite', file=sys.stderr); sys.exit(3)"), timeout=20, env={})

    assert caught.value.status == 3


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolUnavailable, match="no-such-program: cannot be started: No such file"):
        run(["no-such-program"], timeout=20, env={})


def test_a_program_is_killed_at_its_deadline_with_its_children() -> None:
    program = python(
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    started = time.monotonic()

    with pytest.raises(ToolTimedOut, match=r"did not end within 0\.5 seconds"):
        run(program, timeout=0.5, env={})

    assert time.monotonic() - started < 10


def test_a_child_that_outlives_the_program_cannot_hold_us() -> None:
    program = python(
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    )

    with pytest.raises(ToolTimedOut):
        run(program, timeout=1, env={})


def test_endless_output_is_cut_short() -> None:
    with pytest.raises(ToolTalkedTooMuch, match="wrote more than 100000 bytes"):
        run(python("while True: print('y' * 1000)"), timeout=20, env={}, output_limit=100_000)


def test_a_program_runs_in_the_folder_it_was_given(tmp_path: Path) -> None:
    seen = run(python("import os; print(os.getcwd())"), timeout=20, env={}, cwd=tmp_path)

    assert seen.decode().strip() == str(tmp_path.resolve())
