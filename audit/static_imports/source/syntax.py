"""Whether a file is valid Python for a version, decided where hostile text cannot take the audit down."""

import ast
import io
import multiprocessing
import sys
import threading
import time
import tokenize
import warnings
from multiprocessing.connection import Connection

import libcst as cst
import msgspec
from libcst.metadata import MetadataWrapper, PositionProvider

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.lexer import Text, decode, lex
from fleet_audit.audit.static_imports.source.records import SyntaxFault
from fleet_audit.audit.static_imports.source.versions import has_newer, newer_line, too_new_for

DEADLINE_SECONDS = 10.0
STACK_BYTES = 512 << 20
MAX_BYTES = 8 << 20
MAX_SIGNS = 500_000
"""Files of more are not parsed as a whole: each costs a parser some microseconds, and a kilobyte."""

_SIGNS = b"\n\x01()[]{},.:;=+-*/%&|^<>~@"
_NOT_SIGNS = bytes(set(range(256)) - set(_SIGNS))
_REFUSED = "invalid syntax"
_TOO_DEEP = "nested too deeply for Python's own parser"
_NULL_BYTES = "source code cannot contain null bytes"
_SMALL = 512 << 10
_DEPTH = 30
_CASE_DEPTH = 8
_RUNNING = sys.version_info[:2]


class Judgement(msgspec.Struct, frozen=True):
    """`is_whole` holds where a parser read the whole file; `fault` is None where nothing is wrong.

    A file may be read and be wrong all the same: for an older Python, or for the compiler. `why_unknown` is
    not empty where the question could not be decided.
    """

    is_whole: bool = False
    fault: SyntaxFault | None = None
    why_unknown: str = ""


def judge(body: bytes, version: tuple[int, ...]) -> Judgement:
    """Decide whether `body` is valid for Python `version`. May crash or hang on hostile text: see `Judge`.

    Python's own parser and compiler say so, as far as they know that version's grammar. libcst knows the
    newest: it decides on what is newer than the running Python, and on nothing else.
    """
    answer, doubt = _by_python(body, version)
    return answer if doubt is None else _by_libcst(body, version, doubt)


def _by_python(body: bytes, version: tuple[int, ...]) -> tuple[Judgement, SyntaxFault | None]:
    """Return what the running Python says; with its reason where it may be too old to know the syntax."""
    if b"\0" in body:
        return Judgement(fault=SyntaxFault(body.count(b"\n", 0, body.index(b"\0")) + 1, _NULL_BYTES)), None
    tree = _parsed(body, (3, max(min(version[1], _RUNNING[1]), 7)))
    if isinstance(tree, ast.Module):
        text = lex(decode(body)) if version < _RUNNING else None
        line = 0 if text is None else too_new_for(tree, text, version)
        fault = SyntaxFault(line, _REFUSED) if line else _refused_by_compiler(tree)
        return Judgement(is_whole=True, fault=fault), None
    if tree.error != _TOO_DEEP and version > _RUNNING and _has_valid_encoding(body):
        return Judgement(why_unknown=tree.error), tree
    is_too_new = version < _RUNNING and isinstance(_parsed(body, _RUNNING), ast.Module)
    return Judgement(is_whole=is_too_new, fault=tree), None


def _has_valid_encoding(body: bytes) -> bool:
    """Say whether a file is text in the encoding that it declares, or in UTF-8 (PEP 263)."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(body).readline)
        body.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return False
    return True


def _parsed(source: bytes | str, version: tuple[int, int]) -> ast.Module | SyntaxFault:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, feature_version=version)
    except SyntaxError as e:
        return SyntaxFault(e.lineno or 1, e.msg)
    except (RecursionError, MemoryError):
        return SyntaxFault(1, _TOO_DEEP)
    except (ValueError, LookupError, UnicodeError) as e:
        return SyntaxFault(1, str(e))


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


def _by_libcst(body: bytes, version: tuple[int, ...], doubt: SyntaxFault) -> Judgement:
    """Decide on a file that the running Python refuses, which is older than `version`."""
    try:
        module = cst.parse_module(decode(body).decode(errors="replace"))
        line = newer_line(module, version)
        fault = SyntaxFault(line, _REFUSED) if line else _wrong_beside_newer(module, doubt)
    except cst.ParserSyntaxError as e:
        return Judgement(fault=SyntaxFault(e.raw_line, doubt.error))
    except cst.CSTValidationError:
        return Judgement(fault=doubt)
    except (RecursionError, UnicodeError, ValueError):
        return Judgement(why_unknown=doubt.error)
    return Judgement(is_whole=True, fault=fault)


def _wrong_beside_newer(module: cst.Module, doubt: SyntaxFault) -> SyntaxFault | None:
    """Return what is wrong in the statements that the running Python knows.

    libcst lets much pass that no Python does. Where nothing is newer, the running Python was right.
    """
    is_any_newer = False
    for statement in module.body:
        code = module.code_for_node(statement)
        if has_newer(statement, code, _RUNNING):
            is_any_newer = True
            continue
        tree = _parsed(code, _RUNNING)
        fault = _refused_by_compiler(tree) if isinstance(tree, ast.Module) else tree
        if fault is not None:
            line = _first_line(module, statement) + fault.line - 1
            return SyntaxFault(line, fault.error)
    return None if is_any_newer else doubt


def _first_line(module: cst.Module, statement: cst.SimpleStatementLine | cst.BaseCompoundStatement) -> int:
    """Return the line on which a statement's text begins: with the blank lines and comments before it."""
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    return places[statement].start.line - len(statement.leading_lines)


class Judge:
    """Judges files: harmless ones in this process, others in a worker that may die.

    The worker starts when first needed (some 0.3 s), is restarted once for a file that it dies of, and
    ends with `close`.
    """

    def __init__(self, *, deadline: float = DEADLINE_SECONDS) -> None:
        """Take the seconds that one file may take in the worker."""
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
        if (signs := len(text.shadow.translate(None, _NOT_SIGNS))) > MAX_SIGNS:
            return Judgement(
                why_unknown=f"has {signs} brackets, commas and the like, over the limit of {MAX_SIGNS}"
            )
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


def signs(shadow: bytes) -> int:
    """Count what parsing a text costs by: its line ends, brackets, commas, dots and operators."""
    return len(shadow.translate(None, _NOT_SIGNS))


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

        The answer may come in two parts, so that what Python's own parser says outlives a crash of libcst.
        """
        first: Judgement | None = None
        end = time.monotonic() + deadline
        try:
            self._ours.send((body, version))
            for _ in range(2):
                if not self._ours.poll(max(0.0, end - time.monotonic())):
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
        by_python, doubt = _by_python(body, version)
        connection.send((msgspec.to_builtins(by_python), doubt is None))
        if doubt is not None:
            connection.send((msgspec.to_builtins(_by_libcst(body, version, doubt)), True))
