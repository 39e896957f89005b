"""Rules that ask back, whatever the classifier thinks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


@dataclass(frozen=True)
class Rule:
    name: str
    stems: frozenset[str]
    question: str

    def matches(self, stems: list[str]) -> bool:
        return self.stems <= set(stems)


def rules(path: Path) -> list[Rule]:
    tables = tomllib.loads(path.read_text())["rule"]
    return [Rule(table["name"], frozenset(table["stems"]), table["question"]) for table in tables]
