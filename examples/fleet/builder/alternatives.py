"""Which alternatives maintainer scripts declare, and the links that follow (update-alternatives(1))."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from examples.fleet.builder.filesystem import FileSystem, LayerWriter

_DATABASE = "var/lib/dpkg/alternatives"
_LINKS = "etc/alternatives"
_CONTINUED = re.compile(r"\\\n[ \t]*")


class Choice(msgspec.Struct, frozen=True):
    """One path that can answer an alternative; `slaves` are (link, name, path)."""

    link: str
    name: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...] = ()


def declared(script: str) -> Iterator[Choice]:
    """Yield what a script installs in literal words; commands with shell variables are passed over."""
    for line in _CONTINUED.sub(" ", script).split("\n"):
        command = line.strip()
        if not command.startswith("update-alternatives") or "$" in command or "--install" not in command:
            continue
        words = shlex.split(command, comments=True)
        at = words.index("--install")
        link, name, path, priority = words[at + 1 : at + 5]
        slaves = [
            (words[i + 1], words[i + 2], words[i + 3]) for i, word in enumerate(words) if word == "--slave"
        ]
        yield Choice(link, name, path, int(priority), tuple(slaves))


def install(layer: LayerWriter, scripts: Iterable[str]) -> None:
    """Register what the scripts declare, and point each link to its choice of highest priority.

    Slaves whose file is not in the image are left out, as update-alternatives does.
    """
    grouped: dict[str, list[Choice]] = {}
    for script in scripts:
        for choice in declared(script):
            if layer.files.get(choice.path) is not None:
                grouped.setdefault(choice.name, []).append(choice)
    for name, new in sorted(grouped.items()):
        choices = {choice.path: choice for choice in (*_registered(layer.files, name), *new)}
        _write(layer, name, choices)


def _write(layer: LayerWriter, name: str, choices: Mapping[str, Choice]) -> None:
    best = max(choices.values(), key=lambda choice: (choice.priority, choice.path))
    layer.symlink(f"{_LINKS}/{name}", best.path)
    layer.symlink(best.link, f"/{_LINKS}/{name}")
    for link, slave, path in best.slaves:
        if layer.files.get(path) is not None:
            layer.symlink(f"{_LINKS}/{slave}", path)
            layer.symlink(link, f"/{_LINKS}/{slave}")
    layer.file(f"{_DATABASE}/{name}", _database(choices))


def _database(choices: Mapping[str, Choice]) -> bytes:
    every = sorted(choices.values(), key=lambda choice: choice.path)
    slaves = sorted({(slave, link) for choice in every for link, slave, _ in choice.slaves})
    lines = ["auto", every[0].link]
    for slave, link in slaves:
        lines += [slave, link]
    lines.append("")
    for choice in every:
        paths = {slave: path for _, slave, path in choice.slaves}
        lines += [choice.path, str(choice.priority), *(paths.get(slave, "") for slave, _ in slaves)]
    return "\n".join([*lines, "", ""]).encode()


def _registered(files: FileSystem, name: str) -> list[Choice]:
    lines = files.read(f"{_DATABASE}/{name}").decode().split("\n")
    if len(lines) < 3:
        return []
    end = lines.index("", 2)
    names = list(zip(lines[2:end:2], lines[3:end:2], strict=True))
    found: list[Choice] = []
    at = end + 1
    while at < len(lines) and lines[at]:
        paths = lines[at + 2 : at + 2 + len(names)]
        slaves = [(link, slave, path) for (slave, link), path in zip(names, paths, strict=True) if path]
        found.append(Choice(lines[1], name, lines[at], int(lines[at + 1]), tuple(slaves)))
        at += 2 + len(names)
    return found
