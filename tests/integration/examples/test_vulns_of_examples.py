"""``vulns`` with the real trivy on an example image: the same answer on every way, and true chains."""

import json
import os
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.example_images import FLEET, example_layout
from tests.support.scanners import real_syft, real_trivy
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.worlds import World

pytestmark = pytest.mark.integration

FAMILY = "family-vision-cu121"
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "commands" / "vulns.md"
_SHOWN = re.compile(r"```console\n\$ fleet-audit (?P<words>[^\n]*)\n(?P<said>.*?)```", re.DOTALL)
_CHANGING = re.compile(r"sha256:[0-9a-f]{12}…[0-9a-f]{4}|policy default @ [0-9a-f]{8} · \d+ rules")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a cache that all runs share, and a fresh database."""
    example_layout(FAMILY)
    folder = tmp_path_factory.mktemp("vulns")
    write_trivy_database(folder / "trivy", made=datetime.now(UTC))
    return folder


def asked(place: Path, *words: str) -> dict[str, Any]:
    """Run the command; its answer rests on nothing that it fetches."""
    file = place / "vulns.json"
    options = ("--trivy", str(real_trivy().path), "--db", str(place / "trivy"), "--offline")
    common = ("-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(place / "cache"))
    code, _, err = World.say("vulns", *words, *options, *common, "-o", f"json={file}")
    assert code in (0, 1, 3), err
    document: dict[str, Any] = json.loads(file.read_bytes())
    return document


def findings(document: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = [(each["id"], each["severity"], *each["affected"]) for each in document["advisories"]]
    return sorted(rows)


@pytest.fixture(scope="module")
def answer(place: Path) -> dict[str, Any]:
    return asked(place, FAMILY)


def test_the_whole_image_gives_what_the_skinny_one_gives(place: Path, answer: dict[str, Any]) -> None:
    full = asked(place, FAMILY, "--full")

    assert findings(answer)
    assert full["advisories"] == answer["advisories"]
    assert full["examined"] == answer["examined"]


def test_our_own_sbom_gives_what_the_image_gives(place: Path, answer: dict[str, Any]) -> None:
    listed = place / "image.cdx.json"
    common = ("-f", str(FLEET / "fleet.yaml"), "--cache-dir", str(place / "cache"), "--offline")
    World.say("sbom", FAMILY, "--syft", str(real_syft().path), *common, "-o", f"cyclonedx-json={listed}")

    assert findings(asked(place, "--sbom", str(listed))) == findings(answer)


def test_zlib_is_reached_by_what_the_services_run_on(answer: dict[str, Any]) -> None:
    zlib = next(each for each in answer["advisories"] if each["id"] == "CVE-2023-45853")

    assert (zlib["reach"], zlib["status"], zlib["fixed_in"]) == ("reached", "will_not_fix", [])
    assert {way["service"] for way in zlib["reached_by"]} == set(answer["services"])
    assert any("needs so:libz.so.1" in way["chain"] for way in zlib["reached_by"])


def test_no_service_is_known_to_reach_openldap(answer: dict[str, Any]) -> None:
    ldap = next(each for each in answer["advisories"] if each["package"] == "openldap")

    assert ldap["reach"] != "reached"
    assert ldap["origins"] == ["base-utils"]


def test_the_page_shows_what_the_command_says(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLEET_AUDIT_WRITE_SNAPSHOTS=1 writes the page anew."""
    monkeypatch.chdir(ROOT)
    text = PAGE.read_text(encoding="utf-8")
    block = _SHOWN.search(text)
    assert block is not None
    caches = write_trivy_database(place / "dated", made=MADE)
    options = ("--trivy", str(real_trivy().path), "--db", str(caches), "--max-db-age", "36500", "-q")

    _, said, err = World.say(*shlex.split(block["words"]), *options, "--cache-dir", str(place / "cache"))

    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        PAGE.write_text(text[: block.start("said")] + said + text[block.end("said") :], encoding="utf-8")
    elif _CHANGING.sub("", said) != _CHANGING.sub("", block["said"]):
        assert said == block["said"], err
