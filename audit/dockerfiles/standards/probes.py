"""What a health check asks: the program that it runs, and the port and path of the first address in it.

Terms: HEALTHCHECK of the Dockerfile reference; man 1 curl, wget and nc; Python's urllib.request and socket.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.outcomes import LossKind, lost_failure
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Lookup
from fleet_audit.audit.model.inspection import AskedHealth
from fleet_audit.audit.model.running import RunConfiguration

MAX_CODE = 10_000
"""Characters of a Python program in a health check beyond which it is not read."""

_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_BARE_ADDRESS = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::\d{1,5})?(?:/\S*)?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FILLED = "\ue000"
"""Stands for a part of an address that is known only when the program runs."""

_BUILT_IN = frozenset(
    {"exit", "test", "[", "[[", "true", "false", ":", "echo", "cd", "set", "export", "kill", "wait"}
)


class Probe(msgspec.Struct, frozen=True):
    """What a check asks; empty where that is not known. `path` is that of an HTTP address.

    `programs` are those that it runs, in order, without what a shell does itself.
    """

    programs: tuple[str, ...] = ()
    port: str = ""
    path: str = ""


def read_probe(test: Sequence[str], lookup: Lookup) -> Probe:
    """Return what a test as an image holds it asks: ``CMD`` and words, or ``CMD-SHELL`` and a text.

    `lookup` gives the values of the container's environment.
    """
    match test:
        case ["CMD", program, *arguments]:
            return _asked(program, arguments, lookup)
        case ["CMD-SHELL", text]:
            return _of_script(text, lookup)
        case _:
            return Probe()


def swallowed_by(test: Sequence[str]) -> str:
    """Return what stands in for the failure of all that a test runs (``|| true``); empty where none does."""
    if len(test) != 2 or test[0] != "CMD-SHELL":
        return ""
    script = read_script(test[1])
    asking = [each for each in script.commands if (call := called(each)) and call.program not in _BUILT_IN]
    losses = [lost_failure(script, each) for each in asking]
    taken = [each.by for each in losses if each is not None and each.kind is LossKind.ALTERNATIVE]
    return f"|| {taken[-1]}" if taken and len(taken) == len(losses) else ""


def asked_health(run: RunConfiguration) -> AskedHealth | None:
    """Return what an image's health check asks; None where it has none."""
    if run.health is None or run.health.is_none:
        return None
    values = {variable.name: variable.value for variable in run.env if variable.is_known}
    probe = read_probe(run.health.test, values.get)
    return AskedHealth(probe.programs, probe.port, probe.path)


def _of_script(text: str, lookup: Lookup) -> Probe:
    programs: list[str] = []
    found = Probe()
    for command in read_script(text).commands:
        call = called(command)
        if call is None:
            continue
        words = [word.expanded(lookup) or "" for word in call.arguments]
        probe = _asked(call.word.value or call.program, words, lookup)
        programs += [each for each in probe.programs if each not in _BUILT_IN]
        if not found.port and not found.path:
            found = probe
    return Probe(tuple(dict.fromkeys(programs)), found.port, found.path)


def _asked(program: str, arguments: Sequence[str], lookup: Lookup) -> Probe:
    name = program.rpartition("/")[2]
    if _PYTHON.fullmatch(name):
        return _with_program(program, _of_python(arguments, lookup))
    if name in ("curl", "wget", "http", "https", "xh"):
        addresses = (_of_address(word) for word in arguments if not word.startswith("-"))
        return _with_program(program, next((each for each in addresses if each is not None), Probe()))
    if name in ("nc", "ncat", "netcat"):
        ports = [word for word in arguments if word.isdecimal()]
        return _with_program(program, Probe(port=ports[-1]) if ports else Probe())
    return Probe((program,))


def _with_program(program: str, probe: Probe) -> Probe:
    return msgspec.structs.replace(probe, programs=(program,))


def _of_address(text: str) -> Probe | None:
    """Return the port and path of an address; None where the text is none."""
    if "://" not in text:
        if _BARE_ADDRESS.fullmatch(text) is None:
            return None
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        has_port = parts.netloc.rpartition("@")[2].rpartition("]")[2].count(":") > 0
        port = (
            ""
            if _FILLED in parts.netloc
            else str(parts.port)
            if has_port
            else _DEFAULT_PORTS.get(parts.scheme, "")
        )
    except ValueError:
        return None
    path = "" if _FILLED in parts.path else parts.path or "/"
    return Probe(port=port, path=path) if parts.scheme in _DEFAULT_PORTS else None


def _of_python(arguments: Sequence[str], lookup: Lookup) -> Probe:
    if len(arguments) < 2 or arguments[0] != "-c" or len(arguments[1]) > MAX_CODE:
        return Probe()
    try:
        tree = ast.parse(arguments[1])
        nodes = [*ast.walk(tree)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Probe()
    for text in _texts(nodes, lookup):
        probe = _of_address(text) if text.startswith(("http://", "https://")) else None
        if probe is not None:
            return probe
    return Probe(port=next(_socket_ports(nodes), ""))


def _texts(nodes: Sequence[ast.AST], lookup: Lookup) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(_text(value, lookup) for value in node.values)
    yield from (
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _text(part: ast.expr, lookup: Lookup) -> str:
    """Return a part of an f-string; what is not of the environment is known only when the program runs."""
    match part:
        case ast.Constant(value=value):
            return str(value)
        case ast.FormattedValue(
            value=ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(value=str() as name))
            | ast.Call(
                func=ast.Attribute(attr="getenv" | "get"), args=[ast.Constant(value=str() as name), *_]
            )
        ):
            value = lookup(name)
            return _FILLED if value is None else value
        case _:
            return _FILLED


def _socket_ports(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the ports of pairs of a host and a number, as sockets take them."""
    for node in nodes:
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str()), ast.Constant(value=int() as port)]) if (
                0 < port < 1 << 16
            ):
                yield str(port)
            case _:
                pass
