"""Which file or module a program runs that runs Python code, as its arguments say.

Rules: python(1); the documentation of uvicorn, gunicorn, hypercorn, daphne and granian (``MODULE:NAME``),
Celery (``celery -A``), Flask (``flask --app``, FLASK_APP, else wsgi.py or app.py), streamlit, fastapi and
chainlit (``run FILE``), and dramatiq.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")

_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_FOLDERS = ("--app-dir", "--chdir", "--pythonpath")
_APPLICATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.()]*")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


class Target(msgspec.Struct, frozen=True):
    """What is run: a file, or the first of the modules that is there, also looked for in `folders`."""

    path: str = ""
    modules: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


Variable = Callable[[str], str | None]


def python_target(program: str, arguments: Sequence[str], variable: Variable) -> Target | None:
    """Return what a program runs; None for one that is not known to run Python code, empty where not said."""
    if program.endswith(".py"):
        return Target(path=program)
    if PYTHON.fullmatch(program.rpartition("/")[2]):
        return _of_python(arguments, variable)
    reader = _PROGRAMS.get(program.rpartition("/")[2])
    return None if reader is None else reader(arguments, variable)


def _of_python(words: Sequence[str], variable: Variable) -> Target:
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-m", "-c", "-"):
        at += 2 if words[at] in _WITH_VALUE else 1
    if at == len(words) or words[at] in ("-c", "-"):
        return Target()
    if words[at] != "-m":
        return Target(path=words[at])
    module, arguments = (words[at + 1] if at + 1 < len(words) else ""), words[at + 2 :]
    reader = _PROGRAMS.get(module)
    return Target(modules=_modules(module)) if reader is None else reader(arguments, variable)


def _of_server(words: Sequence[str], _: Variable) -> Target:
    """Return the module of ``MODULE:NAME``; gunicorn takes a module alone, too, as its last word."""
    folders = tuple(value for option in _FOLDERS if (value := _value(words, option)))
    application = next((word for word in words if _APPLICATION.fullmatch(word)), "")
    last = words[-1] if words and not words[-1].startswith("-") else ""
    return Target(modules=_modules(application.partition(":")[0] or last), folders=folders)


def _of_celery(words: Sequence[str], variable: Variable) -> Target:
    """Return the application; a package's own stands in its module celery, too (celery.app.utils)."""
    name = _value(words, "-A", "--app") or variable("CELERY_APP") or ""
    modules = _modules(name.partition(":")[0])
    return Target(modules=tuple(f"{module}.celery" for module in modules) + modules)


def _of_flask(words: Sequence[str], variable: Variable) -> Target:
    name = _value(words, "-A", "--app") or variable("FLASK_APP") or ""
    if name.partition(":")[0].endswith(".py"):
        return Target(path=name.partition(":")[0])
    return Target(modules=_modules(name.partition(":")[0]) if name else ("wsgi", "app"))


def _of_runner(words: Sequence[str], _: Variable) -> Target:
    path = next((word for word in words[1:] if word.endswith(".py")), "")
    return Target(path=path) if words[:1] in (["run"], ["dev"]) else Target()


def _of_dramatiq(words: Sequence[str], _: Variable) -> Target:
    first = next((word for word in words if not word.startswith("-")), "")
    return Target(modules=_modules(first.partition(":")[0]))


_PROGRAMS: Mapping[str, Callable[[Sequence[str], Variable], Target]] = {
    "celery": _of_celery,
    "chainlit": _of_runner,
    "daphne": _of_server,
    "dramatiq": _of_dramatiq,
    "fastapi": _of_runner,
    "flask": _of_flask,
    "granian": _of_server,
    "gunicorn": _of_server,
    "hypercorn": _of_server,
    "streamlit": _of_runner,
    "uvicorn": _of_server,
}


def _modules(name: str) -> tuple[str, ...]:
    return (name,) if _MODULE.fullmatch(name) else ()


def _value(words: Sequence[str], *names: str) -> str:
    """Return the value of an option, as the next word or behind ``=``."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else "".join(words[at + 1 : at + 2])
    return ""
