"""Whether a file is valid Python for a version, decided where hostile text cannot take the audit down."""

import ast
import multiprocessing
import sys
import threading
import warnings
from multiprocessing.connection import Connection

import libcst as cst
import msgspec

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.lexer import Text
from fleet_audit.audit.static_imports.source.records import SyntaxFault
from fleet_audit.audit.static_imports.source.versions import newer_line, too_new_for

DEADLINE_SECONDS = 20.0
STACK_BYTES = 512 << 20
MAX_BYTES = 4 << 20
"""Longer files are not parsed as a whole."""

_REFUSED = "invalid syntax"
_TOO_DEEP = "nested too deeply for Python's own parser"
_SMALL = 512 << 10
_DEPTH = 30
_CASE_DEPTH = 8


class Judgement(msgspec.Struct, frozen=True):
    """`is_whole` holds where libcst read the whole file; `fault` is None where nothing is wrong.

    `why_unknown` is not empty where the question could not be decided.
    """

    is_whole: bool = False
    fault: SyntaxFault | None = None
    why_unknown: str = ""


def judge(body: bytes, version: tuple[int, ...]) -> Judgement:
    """Decide whether `body` is valid for Python `version`. May crash or hang on hostile text: see `Judge`.

    libcst knows the newest grammar and no older one; what an older version would refuse is left to
    ``ast.parse(feature_version=…)``, as far as the running Python can tell.
    """
    by_ast = _ast_fault(body, version)
    return by_ast if by_ast.fault is not None else _with_libcst(body, by_ast, version)


def _ast_fault(body: bytes, version: tuple[int, ...]) -> Judgement:
    minor = min(version[1], sys.version_info[1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(body, feature_version=(3, max(minor, 7)))
    except SyntaxError as e:
        if version[1] > sys.version_info[1]:
            # This Python may be too old to know the syntax: libcst decides.
            return Judgement(why_unknown=e.msg)
        return Judgement(fault=SyntaxFault(e.lineno or 1, e.msg))
    except (RecursionError, MemoryError):
        return Judgement(fault=SyntaxFault(1, _TOO_DEEP))
    except (ValueError, LookupError, UnicodeError) as e:
        return Judgement(fault=SyntaxFault(1, str(e)))
    line = too_new_for(tree, version)
    return Judgement(fault=SyntaxFault(line, _REFUSED) if line else _refused_by_compiler(tree))


def _refused_by_compiler(tree: ast.Module) -> SyntaxFault | None:
    """Return what the parser lets pass and the compiler does not: ``return`` outside of a function."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<file>", "exec", dont_inherit=True)
    except SyntaxError as e:
        return SyntaxFault(e.lineno or 1, e.msg)
    except (RecursionError, MemoryError):
        return SyntaxFault(1, _TOO_DEEP)
    except ValueError as e:
        return SyntaxFault(1, str(e))
    return None


def _with_libcst(body: bytes, by_ast: Judgement, version: tuple[int, ...]) -> Judgement:
    try:
        module = cst.parse_module(body)
        # Where Python's own parser had its doubts, the tree says for which version it is.
        line = newer_line(module, version) if by_ast.why_unknown else 0
    except cst.ParserSyntaxError as e:
        if by_ast.why_unknown:
            return Judgement(fault=SyntaxFault(e.raw_line, by_ast.why_unknown))
        return Judgement()
    except (RecursionError, UnicodeError, ValueError, LookupError):
        return Judgement(why_unknown="" if not by_ast.why_unknown else "libcst could not read it")
    return Judgement(is_whole=True, fault=SyntaxFault(line, _REFUSED) if line else None)


class Judge:
    """Judges files: harmless ones in this process, others in a worker that may die.

    The worker starts when first needed (some 0.3 s), is restarted once for a file that it dies of, and
    ends with `close`.
    """

    def __init__(self, *, deadline: float = DEADLINE_SECONDS) -> None:
        """Take the seconds that one file may cost in the worker."""
        self._deadline = deadline
        self._worker: _Worker | None = None

    def __enter__(self) -> "Judge":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker."""
        self.close()

    def judge(self, body: bytes, text: Text, version: tuple[int, ...]) -> Judgement:
        """Return the judgement on `body`, whose lexed text is `text`; never raises, crashes or hangs."""
        if len(body) > MAX_BYTES:
            return Judgement(why_unknown=f"has {len(body)} bytes, over the limit of {MAX_BYTES}")
        if is_harmless(text):
            return judge(body, version)
        for _ in range(2):
            worker = self._worker or _Worker()
            self._worker = worker
            answer = worker.ask(body, version, self._deadline)
            if answer is not None:
                return answer
            self.close()
        return Judgement(why_unknown="the parser did not survive it")

    def close(self) -> None:
        """End the worker, if there is one."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None


def is_harmless(text: Text) -> bool:
    """Say whether a whole file may be parsed in this process: short, shallow, no long chain of operators."""
    if len(text.source) > _SMALL or text.deepest > _DEPTH:
        return False
    elifs = text.shadow.count(b"elif")
    if elifs > islands.MAX_OPERATORS:
        return False
    if text.deepest > _CASE_DEPTH and b"case" in text.shadow:
        # libcst needs exponential time for nested patterns.
        return False
    if not islands.has_plain_formats(text.source, text.shadow):
        return False
    return all(islands.longest_chain(line) <= islands.MAX_OPERATORS for line in text.shadow.split(b"\n"))


class _Worker:
    """One process that parses."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, body: bytes, version: tuple[int, ...], deadline: float) -> Judgement | None:
        """Return the worker's judgement; None where it died or took too long before it had any.

        The answer comes in two parts, so that what Python's own parser says outlives a crash of libcst.
        """
        first: Judgement | None = None
        try:
            self._ours.send((body, version))
            for _ in range(2):
                if not self._ours.poll(deadline):
                    break
                answer, is_last = self._ours.recv()
                first = msgspec.convert(answer, Judgement)
                if is_last:
                    return first
        except (EOFError, OSError):
            pass
        self.end()
        return first

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self._ours.close()


def _serve(connection: Connection) -> None:
    """Answer until the other end closes, on a thread with a large stack."""
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=_answer_all, args=(connection,))
    thread.start()
    thread.join()


def _answer_all(connection: Connection) -> None:
    while True:
        try:
            body, version = connection.recv()
        except EOFError:
            return
        by_ast = _ast_fault(body, version)
        is_decided = by_ast.fault is not None
        connection.send((msgspec.to_builtins(by_ast), is_decided))
        if not is_decided:
            connection.send((msgspec.to_builtins(_with_libcst(body, by_ast, version)), True))
