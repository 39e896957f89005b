"""Every command has its page, and every link between pages leads somewhere."""

import re
from pathlib import Path

import pytest

from fleet_audit.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_that_names_it(name: str) -> None:
    page = ROOT / "docs" / "commands" / f"{name}.md"

    assert page.read_text().startswith(f"# `fleet-audit {name}`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_changelog_names_every_command() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()

    assert [name for name in COMMANDS if f"`{name}`" not in text] == []
