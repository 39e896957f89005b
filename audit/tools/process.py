"""How another program is run: an argument list, a deadline, an environment we chose, bounded streams."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from fleet_audit.audit.errors import FleetAuditError

OUTPUT_LIMIT = 256 << 20
STDERR_KEPT = 64 << 10

_CHUNK = 1 << 16
_GRACE_SECONDS = 2.0


class ToolError(FleetAuditError):
    """A program could not do what it was asked for; `argv` is its command line."""

    def __init__(self, argv: Sequence[str], why: str) -> None:
        """Keep the command line and the reason."""
        super().__init__(tuple(argv), why)
        self.argv = tuple(argv)
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.argv[0] if self.argv else '(no program)'}: {self.why}"


class ToolUnavailable(ToolError):
    """The program is not there or cannot be started."""

    def __init__(self, argv: Sequence[str], error: OSError) -> None:
        """Keep the command line and what the system said."""
        super().__init__(argv, f"cannot be started: {error.strerror or error}")


class ToolTimedOut(ToolError):
    """The program did not end within `timeout` seconds and was killed, its children included."""

    def __init__(self, argv: Sequence[str], timeout: float) -> None:
        """Keep the command line and the time it was given."""
        super().__init__(argv, f"did not end within {timeout:g} seconds")
        self.timeout = timeout


class ToolTalkedTooMuch(ToolError):
    """The program wrote more than `limit` bytes to its standard output and was killed."""

    def __init__(self, argv: Sequence[str], limit: int) -> None:
        """Keep the command line and the limit."""
        super().__init__(argv, f"wrote more than {limit} bytes")
        self.limit = limit


class ToolFailed(ToolError):
    """The program ended with a `status` other than 0 (negative: killed by that signal).

    `stderr` is the end of what it wrote there, `stdout` all that it wrote to its standard output.
    """

    def __init__(self, argv: Sequence[str], status: int, stderr: str, stdout: bytes = b"") -> None:
        """Keep the command line, the exit status and what the program said."""
        said = " ".join(stderr.split())[-500:]
        super().__init__(argv, f"ended with status {status}" + (f": {said}" if said else ""))
        self.status = status
        self.stderr = stderr
        self.stdout = stdout


def run(  # noqa: PLR0913  (this is the one place that says how a program is run)
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    output_limit: int = OUTPUT_LIMIT,
) -> bytes:
    """Run `argv` with exactly the environment `env` and return what it wrote to its standard output.

    The program is the leader of its own process group; when it does not end within `timeout` seconds, or
    writes more than `output_limit` bytes, the whole group is killed. Without `stdin` it reads nothing.
    Raises ToolUnavailable, ToolTimedOut, ToolTalkedTooMuch or ToolFailed.
    """
    conversation = _Conversation(_start(argv, env, cwd, has_input=stdin is not None), output_limit)
    try:
        status = conversation.hold(stdin, timeout)
    except subprocess.TimeoutExpired as e:
        raise ToolTimedOut(argv, timeout) from e
    finally:
        conversation.end()
    if conversation.is_cut_short:
        raise ToolTalkedTooMuch(argv, output_limit)
    if status != 0:
        said = conversation.stderr.decode(errors="replace")
        raise ToolFailed(argv, status, said, bytes(conversation.stdout))
    return bytes(conversation.stdout)


def _start(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, *, has_input: bool
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603  (an argument list; no shell takes part)
            argv,
            bufsize=0,  # a buffered reader cannot be given up on while it waits
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as e:
        raise ToolUnavailable(argv, e) from e


class _Conversation:
    """The streams of one running program, each served by its own thread so that none blocks another."""

    def __init__(self, process: "subprocess.Popen[bytes]", output_limit: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.is_cut_short = False
        self._process = process
        self._output_limit = output_limit
        self._threads: list[threading.Thread] = []

    def hold(self, stdin: bytes | None, timeout: float) -> int:
        ends = time.monotonic() + timeout
        self._serve(_drain, self._process.stdout, self._keep_output)
        self._serve(_drain, self._process.stderr, self._keep_errors)
        if stdin is not None:
            self._serve(_feed, self._process.stdin, stdin)
        # The streams end before the program is waited for: until then its pid, and its group's, stay its own.
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise subprocess.TimeoutExpired(self._process.args, timeout)
        return self._process.wait(max(0.0, ends - time.monotonic()))

    def end(self) -> None:
        if self._process.returncode is None:
            self._kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_GRACE_SECONDS)

    def _kill(self) -> None:
        # Its pid names its group: start_new_session.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _serve(self, serve: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=serve, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_output(self, chunk: bytes) -> bool:
        if len(self.stdout) + len(chunk) > self._output_limit:
            self.is_cut_short = True
            self._kill()
            return False
        self.stdout += chunk
        return True

    def _keep_errors(self, chunk: bytes) -> bool:
        self.stderr += chunk
        del self.stderr[:-STDERR_KEPT]
        return True


def _drain(stream: IO[bytes], keep: Callable[[bytes], bool]) -> None:
    with stream:
        while (chunk := stream.read(_CHUNK)) and keep(chunk):
            pass


def _feed(stream: IO[bytes], body: bytes) -> None:
    rest = memoryview(body)
    # A program may end without reading all of its input; its status tells whether that is well.
    with suppress(BrokenPipeError), stream:
        while rest:
            rest = rest[stream.write(rest) :]
