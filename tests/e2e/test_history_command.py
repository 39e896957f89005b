"""``fleet-audit history``: since when findings are there, how many come and go, taken out and in."""

import csv
import io
import json
from pathlib import Path

import pytest

from fleet_audit.audit.history.store import History
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import AuditRecord
from tests.support.lifecycles import IMAGE, audit, day, sighting
from tests.support.worlds import World

HISTORY = "build/history.sqlite"


def record(path: Path, *audits: AuditRecord) -> None:
    with History.open(path, day(1)) as history:
        for each in audits:
            history.record(each)


@pytest.fixture
def kept(world: World) -> Path:
    """Give a history of two images; the commands are run on the 18th."""
    world.file("notes.txt", "version: 1\n")
    path = world.folder / HISTORY
    record(
        path,
        audit(day(10), "a", sighting("b", Severity.CRITICAL), sighting("w", is_waived=True)),
        audit(day(11), "a", sighting("w", is_waived=True)),
        audit(day(18), "a", "c", sighting("w", is_waived=True)),
        audit(day(17), "=cmd()", image="family-web"),
        audit(day(18), image="family-web", is_complete=False),
    )
    return path


def test_show_says_what_is_open_where_and_since_when(world: World, kept: Path) -> None:
    answer = world.run("history", "show", "--history", str(kept), "-o", "text")

    assert answer.code == 0
    vision, web = answer.document["images"]
    assert (vision["image"], vision["open"]["error"], vision["waived"], vision["closed"], vision["new"]) == (
        IMAGE,
        2,
        1,
        1,
        1,
    )
    assert vision["oldest"] == day(10)
    assert (web["last_audit"]["complete"], web["last_complete_audit"]["at"]) == (False, day(17))
    assert "incomplete; complete:" in answer.out
    ages = {each["fingerprint"]: (each["first_seen"], each["days"]) for each in answer.document["lifecycles"]}
    assert ages == {"=cmd()": (day(17), 1), "a": (day(10), 8), "c": (day(18), 0), "w": (day(10), 8)}


def test_a_name_chooses_an_image_and_an_unknown_one_is_refused(world: World, kept: Path) -> None:
    chosen = world.run("history", "show", "family-web", "--history", str(kept))
    unknown = world.run("history", "trend", "family-wbe", "--history", str(kept))

    assert [each["image"] for each in chosen.document["images"]] == ["family-web"]
    assert unknown.code == 2
    assert "no audit of it was recorded; there are those of family-vision, family-web" in unknown.err


def test_a_trend_has_a_line_for_each_day(world: World, kept: Path) -> None:
    answer = world.run("history", "trend", "--days", "9", "--history", str(kept), "-o", "text")

    days = answer.document["days"]
    assert [each["day"][-2:] for each in days] == [f"{number}" for number in range(10, 19)]
    assert [each["open"]["error"] for each in days] == [1, 1, 1, 1, 1, 1, 1, 2, 3]
    assert [each["open"]["critical"] for each in days] == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert (days[0]["opened"], days[1]["closed"], days[8]["audits"], days[8]["incomplete"]) == (3, 1, 2, 1)
    assert "2026-11-18" in answer.out


def test_a_trend_of_one_image_counts_that_alone(world: World, kept: Path) -> None:
    code, out, _ = world.say(
        *("history", "trend", "family-web", "--days", "2", "-o", "csv", "--history", str(kept))
    )

    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [(row["day"], row["error"], row["audits"]) for row in rows] == [
        ("2026-11-17", "1", "1"),
        ("2026-11-18", "1", "1"),
    ]


@pytest.mark.usefixtures("kept")
def test_the_manifest_names_the_history(world: World) -> None:
    manifest = world.folder / "fleet.yaml"
    manifest.write_text(f"version: 1\nfleet: x\nfamilies: {{}}\nservices: []\nhistory: {HISTORY}\n")

    assert world.run("history", "show").document["subject"].endswith(HISTORY)
    assert len(world.run("history", "show").document["images"]) == 2


def test_without_a_history_it_is_said_how_to_name_one(world: World) -> None:
    unnamed = world.run("history", "show")
    absent = world.run("history", "trend", "--history", "nowhere.sqlite")

    assert (unnamed.code, absent.code) == (2, 2)
    assert "pass --history FILE" in unnamed.err
    assert "there is no history yet" in absent.err
    assert not (world.folder / "nowhere.sqlite").exists()


def test_an_export_can_be_imported_elsewhere_and_is_the_same_there(world: World, kept: Path) -> None:
    first = world.say("history", "export", "--history", str(kept), "-o", "jsonl=out.jsonl")
    taken = world.say("history", "import", "out.jsonl", "--history", "other.sqlite")
    again = world.say("history", "import", "out.jsonl", "--history", "other.sqlite")

    second = world.say("history", "export", "--history", "other.sqlite")

    assert (first[0], taken[0], again[0], second[0]) == (0, 0, 0, 0)
    assert "5 findings read, 5 of them new or different" in taken[2]
    assert "5 findings read, 0 of them new or different" in again[2]
    assert second[1] == Path("out.jsonl").read_text()


def test_an_export_of_one_image_has_nothing_of_others(world: World, kept: Path) -> None:
    _, out, _ = world.say("history", "export", "family-web", "--history", str(kept))

    images = {json.loads(line).get("image") for line in out.splitlines()}
    assert images == {None, "family-web"}


def test_a_table_calculates_nothing_in_a_spreadsheet(world: World, kept: Path) -> None:
    _, out, _ = world.say("history", "export", "-o", "csv", "--history", str(kept))

    rows = {row["fingerprint"]: row for row in csv.DictReader(io.StringIO(out))}
    assert set(rows) == {"a", "b", "c", "w", "'=cmd()"}
    assert (rows["b"]["state"], rows["b"]["closed_on"], rows["b"]["severity"]) == (
        "closed",
        day(11),
        "critical",
    )


def test_parquet_has_the_same_rows_with_times(world: World, kept: Path) -> None:
    import pandas as pd  # noqa: PLC0415  (0.3 s; only this test needs it)

    code, _, err = world.say("history", "export", "-o", "parquet=out.parquet", "--history", str(kept))

    assert (code, err) == (0, "")
    table = pd.read_parquet("out.parquet")
    assert list(table["fingerprint"]) == ["a", "b", "c", "w", "=cmd()"]
    assert list(table["closed_on"].isna()) == [True, False, True, True, True]
    assert table["first_seen"][0] == pd.Timestamp(day(10))


def test_parquet_without_pyarrow_says_what_to_install(
    world: World, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    code, _, err = world.say("history", "export", "-o", "parquet=out.parquet", "--history", str(kept))

    assert (code, Path("out.parquet").exists()) == (2, False)
    assert "install fleet-audit[parquet]" in err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("export", "-o", "parquet"), "name a file for it"),
        (("export", "-o", "text"), "'text' is not one of jsonl, csv, parquet"),
        (("export", "-o", "jsonl=nowhere/x"), "there is no folder"),
        (("trend", "--days", "0"), "0 is not in the range"),
        (("import", "nowhere.jsonl"), "No such file"),
        (("import", "."), "no regular file|Is a directory"),
        (("import", "notes.txt"), "no line of it says that its schema is"),
        (("import", "notes.txt", "-o", "json"), "writes no document"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_a_sentence(
    world: World, kept: Path, words: tuple[str, ...], complaint: str
) -> None:
    before = kept.read_bytes()

    code, out, err = world.say("history", *words, "--history", str(kept))

    assert (code, out) == (2, "")
    assert any(each in err for each in complaint.split("|")), err
    assert "Traceback" not in err
    assert kept.read_bytes() == before


def test_reading_commands_leave_a_damaged_history_and_import_keeps_it_aside(world: World, kept: Path) -> None:
    world.say("history", "export", "--history", str(kept), "-o", "jsonl=out.jsonl")
    kept.write_bytes(kept.read_bytes()[:9000])
    damaged = kept.read_bytes()

    for words in (("show",), ("trend",), ("export",)):
        code, _, err = world.say("history", *words, "--history", str(kept))
        assert (code, "it is damaged" in err, kept.read_bytes() == damaged) == (2, True, True)

    code, _, err = world.say("history", "import", "out.jsonl", "--history", str(kept))

    (aside,) = (each for each in kept.parent.iterdir() if "damaged" in each.name)
    assert (code, aside.read_bytes()) == (0, damaged)
    assert f"it is kept as {aside}" in err
    assert world.run("history", "show", "--history", str(kept)).code == 0
