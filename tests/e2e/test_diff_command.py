"""How two things differ, as the whole command says it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import stanza
from tests.support.images import Content, ImageBuilder, layer_tar
from tests.support.scanner_programs import syft_that
from tests.support.worlds import FAMILY, Answer, World, extension, installed, library, opencv

Document = dict[str, Any]
LIBC = stanza("libc6", "2.36-9", Status="install ok installed")


@pytest.fixture(autouse=True)
def no_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without a syft."""
    monkeypatch.setenv("FLEET_AUDIT_SYFT", "/nonexistent/syft")


def dpkg(*packages: tuple[str, str]) -> dict[str, Content]:
    """Return dpkg's database with libc6 and these packages, and a library for each of them."""
    stanzas = [stanza(name, version, Status="install ok installed") for name, version in packages]
    files: dict[str, Content] = {"var/lib/dpkg/status": "\n".join([LIBC, *stanzas])}
    for name, _ in packages:
        files |= library(f"usr/lib/lib{name}.so.1")
        files[f"var/lib/dpkg/info/{name}.list"] = f"/usr/lib/lib{name}.so.1\n"
    return files


def changes(document: Document) -> dict[str, tuple[str, str | None, str | None]]:
    """Return what became of each package: the change, and the first version of each side."""
    return {
        each["name"]: (each["change"], *(next((v["version"] for v in each[s]), None) for s in ("a", "b")))
        for each in document["packages"]
    }


def reasons(document: Document) -> dict[str, Document]:
    return {each["what"]: each for each in document["not_compared"]}


def diff(world: World, *words: str) -> Answer:
    """Compare without a scanner, so that nothing is missing."""
    return world.run("diff", *words, "--no-scan", "-o", "text")


def test_packages_come_go_and_move_between_two_images(world: World) -> None:
    old = world.image(
        "old", dpkg(("curl", "8.1-1"), ("zlib", "1:1.2")), installed("pillow", {}, version="11.0")
    )
    new = world.image("new", dpkg(("zlib", "1:1.10"), ("xml", "2")), installed("pillow", {}, version="10.9"))

    answer = diff(world, old, new)

    assert answer.code == 0
    assert answer.document["schema"] == "fleet-audit.diff/1"
    assert changes(answer.document) == {
        "curl": ("removed", "8.1-1", None),
        "xml": ("added", None, "2"),
        "zlib": ("up", "1:1.2", "1:1.10"),
        "pillow": ("down", "11.0", "10.9"),
    }
    assert {each["soname"]: each["change"] for each in answer.document["sonames"]} == {
        "libcurl.so.1": "removed",
        "libxml.so.1": "added",
    }


def test_an_image_is_the_same_as_itself(world: World) -> None:
    image = world.image("x", dpkg(("zlib", "1:1.2")), opencv())

    answer = diff(world, image, image)

    assert (answer.code, answer.document["same"], answer.document["same_package_set"]) == (0, True, True)
    assert "nothing that was compared differs" in answer.out
    assert "same package set sha256:" in answer.out


def test_a_library_that_went_is_missed_by_who_asks_for_it(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"), library("usr/lib/libGL.so.1")).service("face", "import cv2\n")
    new = world.image("new", opencv("libGL.so.1"))

    answer = diff(world, FAMILY, new)

    (gone,) = answer.document["sonames"]
    assert gone["asked_by"] == ["/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so"]
    (need,) = (each for each in answer.document["needs"] if each["name"] == "libGL.so.1")
    assert (need["a"]["status"], need["b"]["status"], need["b"]["services"]) == (
        "resolved",
        "missing",
        ["face"],
    )
    assert [each["b"]["rule"] for each in answer.document["findings_changed"] if each["b"]]
    assert "Missing in B, and not in A" in answer.out


def test_the_services_of_a_family_are_looked_at_on_the_other_image(world: World) -> None:
    world.family(FAMILY, opencv()).service("face", "import cv2\n")
    new = world.image("new", installed("other", {"other/__init__.py": ""}))

    document = diff(world, FAMILY, new).document

    assert any("services of vision" in note for note in document["notes"])
    assert {each["name"]: each["b"]["status"] for each in document["needs"] if each["b"]} == {
        "cv2": "missing"
    }


def test_settings_are_told_without_secrets(world: World) -> None:
    old = world.image("old", config={"User": "0", "Env": ["API_TOKEN=0123456789abcdef", "LANG=C"]})
    new = world.image("new", config={"User": "10001", "Env": ["API_TOKEN=fedcba9876543210", "LANG=C"]})

    answer = diff(world, old, new)

    told = {(each["group"], each["name"]): (each["a"], each["b"]) for each in answer.document["settings"]}
    assert told == {("user", None): ("0", "10001"), ("environment", "API_TOKEN"): ("********", "********")}
    text = json.dumps(answer.document) + answer.out
    assert "0123456789abcdef" not in text
    assert "another one" in answer.out


def test_an_image_that_is_built_on_another_shares_its_layers(world: World) -> None:
    below, above = world.image("below"), world.image("above", dpkg(("zlib", "1")))

    sizes = diff(world, below, above).document["sizes"]

    assert sizes["shared_layers"] == 1
    assert [each["side"] for each in sizes["layers"]] == ["b"]
    assert {each["package"] for each in sizes["packages"]} >= {"pkg:deb/debian/zlib"}


@pytest.mark.parametrize("form", ["cyclonedx-json", "spdx-json"])
def test_the_sbom_of_an_image_has_the_same_packages(world: World, form: str) -> None:
    image = world.image("x", dpkg(("zlib", "1:1.2")), installed("pillow", {}, version="11.0"))
    world.say("sbom", image, "-o", f"{form}={world.folder / 'own.json'}")

    document = diff(world, image, "own.json").document

    assert (document["packages"], document["bundled"], document["licences"]) == ([], [], [])
    assert document["same_package_set"]
    assert reasons(document)["sonames"] == {"what": "sonames", "a": None, "b": "an SBOM does not tell it"}


def test_an_own_document_tells_the_configuration_in_part(world: World) -> None:
    old = world.image("old", config={"User": "0"})
    new = world.image("new", config={"User": "10001", "Env": ["LANG=C"]})
    world.say("sbom", new, "-o", f"cyclonedx-json={world.folder / 'new.json'}")

    document = diff(world, old, "new.json").document

    assert [(each["group"], each["a"], each["b"]) for each in document["settings"]] == [
        ("user", "0", "10001")
    ]
    assert reasons(document)["environment"]["b"] == "does not tell it"


def test_documents_of_two_tools_say_who_listed_what(world: World) -> None:
    fixture = Path(__file__).parents[1] / "fixtures" / "scanners" / "syft-1.18.1-vulnerable-image.json"
    other = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"tools": [{"name": "other", "version": "2"}]},
        "components": [{"type": "library", "name": "zlib1g", "purl": "pkg:deb/debian/zlib1g@2:9?arch=amd64"}],
    }
    world.file("other.json", json.dumps(other))

    answer = world.run("diff", str(fixture), "other.json")

    assert answer.code == 0
    assert changes(answer.document)["zlib1g"][0] == "up"
    assert any("syft 1.18.1" in note and "other 2" in note for note in answer.document["notes"])


def test_two_audits_are_compared_by_needs_and_findings(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")
    world.say("deps", FAMILY, "-o", f"json={world.folder / 'old.json'}")
    world.family(
        FAMILY,
        opencv("libGL.so.1"),
        library("usr/lib/libGL.so.1"),
        image=world.image("fixed", opencv("libGL.so.1"), library("usr/lib/libGL.so.1")),
    )
    world.say("deps", FAMILY, "-o", f"json={world.folder / 'new.json'}")

    document = world.run("diff", "old.json", "new.json").document

    (need,) = document["needs"]
    assert (need["name"], need["a"]["status"], need["b"]["status"]) == ("libGL.so.1", "missing", "resolved")
    assert {each["a"]["rule"] for each in document["findings_changed"]} == {"FA-NEED-001"}
    assert document["same_package_set"]
    assert reasons(document)["packages"]["a"] == "an audit's document does not tell it"


def test_an_audit_is_compared_with_the_image_that_it_is_of(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")
    world.say("deps", FAMILY, "-o", f"json={world.folder / 'old.json'}")

    document = diff(world, "old.json", FAMILY).document

    assert document["needs"] == []
    assert document["findings_changed"] == []
    assert document["same_package_set"]


def vulns_document(*advisories: tuple[str, str, str], examined: int = 9) -> str:
    """Return ``vulns/1`` with these advisories: number, severity, and whether services reach it."""
    told = [
        {"id": name, "ecosystem": "deb", "package": "openssl", "severity": severity, "reach": reach}
        for name, severity, reach in advisories
    ]
    tool = {"name": "fleet-audit", "version": "0.1.0"}
    head = {"schema": "fleet-audit.vulns/1", "tool": tool, "subject": "vision", "image": {"ref": "oci:a"}}
    return json.dumps({**head, "findings": [], "gaps": [], "examined": examined, "advisories": told})


def test_two_answers_of_vulns_are_compared_by_advisories(world: World) -> None:
    same = ("CVE-2024-1", "low", "unreached")
    world.file("old.json", vulns_document(same, ("CVE-2024-2", "high", "unreached")))
    world.file(
        "new.json", vulns_document(same, ("CVE-2024-2", "high", "reached"), ("CVE-2024-3", "low", "unknown"))
    )

    answer = world.run("diff", "old.json", "new.json", "-o", "text")

    assert answer.code == 0
    moved, came = answer.document["advisories"]
    assert (moved["a"]["reach"], moved["b"]["reach"]) == ("unreached", "reached")
    assert (came["a"], came["b"]["id"]) == (None, "CVE-2024-3")
    assert "1 advisory came" in answer.out


def test_advisories_are_not_compared_where_no_package_was_looked_up(world: World) -> None:
    world.file("old.json", vulns_document(("CVE-2024-1", "low", "unknown")))
    world.file("new.json", vulns_document(examined=0))

    document = world.run("diff", "old.json", "new.json").document

    assert document["advisories"] == []
    assert reasons(document)["advisories"]["b"]


def test_two_stored_audits_are_compared_whole(world: World) -> None:
    for folder, more in (
        ("old", dpkg(("zlib", "1"))),
        ("new", {**library("usr/lib/libGL.so.1"), **dpkg(("zlib", "2"))}),
    ):
        image = world.image(folder, opencv("libGL.so.1"), more)
        world.family(FAMILY, image=image)
        if folder == "old":
            world.service("face", "import cv2\n")
        world.say("gate", FAMILY, "--audits", f"audits/{folder}", "--offline")
    old, new = (next((world.folder / "audits" / name).rglob("*.json")) for name in ("old", "new"))

    answer = world.run("diff", str(old), str(new))

    # Neither was scanned.
    assert answer.code == 3
    assert changes(answer.document) == {"zlib": ("up", "1", "2")}
    assert [(each["name"], each["b"]["status"]) for each in answer.document["needs"]] == [
        ("libGL.so.1", "resolved")
    ]
    assert any(
        each["a"]["rule"] == "FA-NEED-001" for each in answer.document["findings_changed"] if each["a"]
    )
    assert answer.document["sizes"]["shared_layers"] >= 1
    assert {"sonames", "advisories"} <= reasons(answer.document).keys()


def test_without_syft_it_is_incomplete_and_says_for_which_side(world: World) -> None:
    answer = world.run("diff", world.image("a"), world.image("b"), "-o", "text")

    assert answer.code == 3
    assert [gap["kind"] for gap in answer.document["gaps"]] == ["scanner-failed", "scanner-failed"]
    assert [gap["what"] for gap in answer.document["b"]["gaps"]] == ["syft"]
    assert "syft of A" in answer.out
    assert "INCOMPLETE" in answer.out


def test_a_syft_that_fails_for_one_side_makes_nothing_seem_gone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_SYFT", str(syft_that(tmp_path / "bin", "exit 1")))
    fixture = Path(__file__).parents[1] / "fixtures" / "scanners" / "syft-1.18.1-vulnerable-image.json"
    theirs = json.loads(fixture.read_bytes())
    npm = {**theirs["artifacts"][0], "id": "npm", "name": "a", "type": "npm", "purl": "pkg:npm/a@1"}
    world.file("theirs.json", json.dumps({**theirs, "artifacts": [npm], "artifactRelationships": []}))

    answer = world.run("diff", "theirs.json", world.image("x"))

    assert answer.code == 3
    assert "a" not in changes(answer.document)
    assert "packages of other kinds" in reasons(answer.document)


def test_a_layer_that_cannot_be_read_is_a_gap_of_its_side(world: World) -> None:
    whole = world.image("whole", dpkg(("zlib", "1")))
    torn = world.image("torn", dpkg(("zlib", "1")))
    last = max((world.folder / "torn" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    last.write_bytes(last.read_bytes()[:-100])

    answer = diff(world, whole, torn)

    assert answer.code == 3
    assert {gap["kind"] for gap in answer.document["b"]["gaps"]} >= {"unreadable-layer"}
    assert answer.document["a"]["gaps"] == []
    assert not answer.document["same_package_set"]
    assert any("B could not be read as a whole" in note for note in answer.document["notes"])


def test_an_image_of_the_manifest_that_is_not_built_is_incomplete(world: World) -> None:
    world.family(FAMILY, image="oci:images/nowhere").service("face")

    answer = diff(world, FAMILY, world.image("x"))

    assert answer.code == 3
    assert answer.document["compared"] == []


def test_an_sbom_that_says_that_it_is_incomplete_makes_the_answer_so(world: World) -> None:
    image = world.image("x")
    world.say("sbom", image, "-o", f"cyclonedx-json={world.folder / 'own.json'}")

    answer = world.run("diff", "own.json", "own.json")

    assert (answer.code, answer.document["same"]) == (3, True)


def test_the_same_input_gives_the_same_bytes_in_every_format(world: World) -> None:
    old, new = world.image("old", dpkg(("zlib", "1"))), world.image("new", opencv())
    outputs = [f"{form}={form}.out" for form in ("text", "json", "markdown")]

    said = []
    for cache in ("first", "second"):
        words = [word for output in outputs for word in ("-o", output)]
        assert world.say("diff", old, new, "--no-scan", "--cache-dir", cache, *words)[0] == 0
        said.append([(world.folder / f"{form}.out").read_bytes() for form in ("text", "json", "markdown")])

    assert said[0] == said[1]


def test_names_of_an_image_form_nothing_in_markdown(world: World) -> None:
    old, new = (
        world.image("old"),
        world.image("new", installed("a", {}, version="1"), config={"Labels": {"a|b`": "@team <b>\x1b[31m"}}),
    )

    code, out, _ = world.say("diff", old, new, "--no-scan", "-o", "markdown")

    assert code == 0
    assert "\x1b" not in out
    assert "@team" not in out
    assert "<b>" not in out


def test_an_image_without_python_is_compared_without_its_needs(world: World) -> None:
    for name, extra in (("old", {}), ("new", {"opt/x": "y"})):
        files = {"etc/os-release": "ID=debian\nVERSION_ID=12\n", "var/lib/dpkg/status": LIBC, **extra}
        ImageBuilder((layer_tar(files, mode=0o644),), config={}).write(world.folder / name, "oci")

    answer = diff(world, "oci:old", "oci:new")

    assert answer.code == 0
    assert "no Python" in reasons(answer.document)["needs"]["a"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.json", "fleet.yaml"), "nowhere.json: there is no such file"),
        (("broken.json", "fine.json"), "broken.json: is no JSON document"),
        (("list.json", "fine.json"), "list.json"),
        (("empty.json", "fine.json"), "empty.json: is no JSON document"),
        (("old.xml", "fine.json"), "old.xml: is XML"),
        (("other.json", "fine.json"), "other.json: says nothing of its form"),
        (("ldd.json", "fine.json"), "ldd.json: is a document fleet-audit.ldd/1"),
        (("torn.json", "fine.json"), "torn.json: is no sound fleet-audit.deps/1"),
        (("several.json", "fine.json"), "several.json: is of 2 images (one, two)"),
        (("fine.json", "nobody"), "nobody: no family or service"),
        (("fine.json", "./nobody"), "./nobody: there is no such file or folder"),
        (("fine.json", "layout"), "holds several images"),
        (("fine.json",), "Missing argument 'B'"),
        (("fine.json", "fine.json", "-o", "sarif"), "'sarif' is not one of text, json, markdown"),
        (("fine.json", "fine.json", "--no-scan", "--full"), "--no-scan asks no syft"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(world: World, words: tuple[str, ...], told: str) -> None:
    world.file("fleet.yaml", "version: 1\nfleet: small\nfamilies: {}\nservices: []\n")
    fine = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
    schema = "fleet-audit.deps/1"
    bodies = {
        "fine": json.dumps(fine),
        "broken": '{"bomFormat": ',
        "list": "[]",
        "empty": "",
        "other": '{"a": 1}',
        "ldd": '{"schema": "fleet-audit.ldd/1"}',
        "torn": json.dumps({"schema": schema, "subject": 1}),
        "several": json.dumps({"schema": schema, "subjects": [{"subject": "one"}, {"subject": "two"}]}),
    }
    for name, body in bodies.items():
        world.file(f"{name}.json", body)
    world.file("old.xml", "\n<bom/>")
    if "layout" in words:
        several_images(world)

    code, _, err = world.say("diff", *words)

    assert code == 2
    assert told in err


def several_images(world: World) -> None:
    """Write a layout with two images."""
    world.image("layout")
    index = world.folder / "layout" / "index.json"
    document = json.loads(index.read_bytes())
    (one,) = document["manifests"]
    name = "org.opencontainers.image.ref.name"
    document["manifests"] = [{**one, "annotations": {name: tag}} for tag in ("one", "two")]
    index.write_text(json.dumps(document))


def test_an_extension_that_lost_its_library_is_missing_it_without_any_manifest(world: World) -> None:
    module = installed("a", {"a.cpython-311-x86_64-linux-gnu.so": extension("a", "libb.so.1")})
    old, new = world.image("old", module, library("usr/lib/libb.so.1")), world.image("new", module)

    needs = diff(world, old, new).document["needs"]

    assert [(each["name"], each["b"]["status"]) for each in needs] == [("libb.so.1", "missing")]
