"""Programs that are made to be process 1, and what they start."""

from collections.abc import Sequence

INITS = {
    "tini": "tini",
    "tini-static": "tini",
    "docker-init": "tini",
    "dumb-init": "dumb-init",
    "catatonit": "catatonit",
    "s6-svscan": "s6",
    "s6-overlay-suexec": "s6",
    "my_init": "my_init",
    "systemd": "systemd",
    "runit": "runit",
    "runsvdir": "runit",
}
"""Programs that are made to be process 1, and what people call them."""

INIT_PATHS = {"/init": "s6", "/sbin/init": "init", "/usr/sbin/init": "init"}

MAX_SHOWN = 200


def init_of(words: Sequence[str]) -> str:
    """Return what people call the init that a command begins with; empty where it begins with none."""
    program = words[0] if words else ""
    return INIT_PATHS.get(program) or INITS.get(program.rpartition("/")[2], "")


def behind_init(words: Sequence[str]) -> tuple[str, ...]:
    """Return what an init that stands first is to start; the words themselves where none does.

    Options come before that: tini's ``-p`` and ``-e``, and dumb-init's ``--rewrite``, take the next word.
    """
    if not init_of(words):
        return tuple(words)
    at = 1
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return tuple(words[at + 1 :])
        at += 2 if words[at] in ("-p", "-e", "--rewrite", "-r") else 1
    return tuple(words[at:])


def shown(words: Sequence[str]) -> str:
    """Return a command for people, cut short."""
    text = " ".join(words)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
