"""What the pages on commands show is what the commands say of the example fleet, to the letter.

``FLEET_AUDIT_WRITE_SNAPSHOTS=1`` writes the pages anew.
"""

import io
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from fleet_audit.__main__ import run as run_command
from tests.support.example_images import example_layout

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
PAGES = tuple(ROOT / "docs" / "commands" / f"{name}.md" for name in ("diff", "imports", "sbom"))
IMAGES = ("family-vision-cu121", "family-vision-cu121-headless", "family-torch-cu121", "base-cpu-pydeps")

_SHOWN = re.compile(r"```console\n\$ fleet-audit (?P<words>[^\n]*)\n(?P<said>.*?)```", re.DOTALL)
_CUT = "…\n"
_ANSWERED = (0, 1, 3)
_DIGEST = re.compile(r"sha256:[0-9a-f]{12}…[0-9a-f]{4}")
_POLICY = re.compile(r"policy default @ [0-9a-f]{8} · \d+ rules")


@pytest.fixture(autouse=True)
def fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the repository, with the example's images built."""
    example_layout(*IMAGES)
    monkeypatch.chdir(ROOT)


def said(words: str, *, is_cut: bool) -> str:
    """Return what a command says; of a page that cuts it, the part before what could not be examined."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = run_command([*shlex.split(words), "-q"])
    assert code in _ANSWERED, words
    text = out.getvalue()
    return text.partition("\nCould not be examined")[0] + _CUT if is_cut else text


def shown(page: Path) -> Iterator[tuple[str, str]]:
    for block in _SHOWN.finditer(page.read_text(encoding="utf-8")):
        yield block["words"], block["said"]


def undated(text: str) -> str:
    """Return text without the digests of images and rules, which change with every update of either."""
    return _POLICY.sub("policy", _DIGEST.sub("sha256", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_say(page: Path) -> None:
    blocks = list(shown(page))
    answers = {words: said(words, is_cut=text.endswith(_CUT)) for words, text in blocks}
    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        text = page.read_text(encoding="utf-8")
        page.write_text(_SHOWN.sub(lambda block: _block(block["words"], answers), text), encoding="utf-8")
        blocks = list(shown(page))

    assert blocks
    for words, text in blocks:
        assert undated(text) == undated(answers[words]), words


def _block(words: str, answers: dict[str, str]) -> str:
    return f"```console\n$ fleet-audit {words}\n{answers[words]}```"
