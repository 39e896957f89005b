"""``vulns`` says what is known to be wrong with an image, and who reaches it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.dpkg_layers import Installed, dpkg_layer, library, program
from tests.support.images import OS_RELEASE, ImageBuilder, layer_tar
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.scanner_programs import trivy_that
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, Answer, World, opencv

RECENT = datetime(2026, 11, 15, tzinfo=UTC)
WEBP = Installed("libwebp7", files=library("libwebp.so.7"))
LDAP = Installed("libldap", files=library("libldap.so.2"))
CURL = Installed("curl", files=program("curl"), section="web")
PACKAGES = {
    "libc6": ("1.0", "glibc"),
    "libwebp7": ("1.0", "libwebp"),
    "libldap": ("1.0", "openldap"),
    "curl": ("1.0", "curl"),
    "opencv-python": ("4.10.0.84", ""),
}
WEBP_CVE = {
    "VulnerabilityID": "CVE-2030-1",
    "VendorSeverity": {"nvd": 4},
    "FixedVersion": "2.0",
    "Status": "fixed",
}
LDAP_CVE = {"VulnerabilityID": "CVE-2030-2", "VendorSeverity": {"nvd": 4}, "Status": "affected"}
CURL_CVE = {"VulnerabilityID": "CVE-2030-3", "VendorSeverity": {"nvd": 3}, "Status": "affected"}
CV2_CVE = {"VulnerabilityID": "CVE-2030-4", "VendorIDs": ["GHSA-1"], "VendorSeverity": {"ghsa": 2}}
FOUND = {"libwebp7": [WEBP_CVE], "libldap": [LDAP_CVE], "curl": [CURL_CVE], "opencv-python": [CV2_CVE]}
USES_CV2 = "import cv2\n"


@pytest.fixture
def scanned(world: World) -> World:
    """Give a family with four affected packages, and a service that imports one of them."""
    layers = (dpkg_layer(WEBP, LDAP, CURL), opencv("libwebp.so.7"))
    return world.family(FAMILY, *layers).service(SERVICE, USES_CV2)


def vulns(world: World, *words: str, trivy: Path | None = None, made: datetime = RECENT) -> Answer:
    """Run the command with a small database and a trivy that finds `FOUND`, or another one."""
    place = world.folder.parent
    asked = trivy or trivy_saying(place / "bin", scan_report(PACKAGES, FOUND))
    caches = write_trivy_database(place / "trivy", made=made)
    named = ("--trivy", str(asked), "--db", str(caches), "-o", "text")
    return world.run("vulns", *(words or (FAMILY,)), *named)


def by_package(answer: Answer) -> dict[str, dict[str, Any]]:
    return {each["package"]: each for each in answer.document["advisories"]}


def test_what_an_extension_module_loads_is_reached_by_the_service_that_imports_it(scanned: World) -> None:
    webp = by_package(vulns(scanned))["libwebp"]

    (way,) = webp["reached_by"]
    assert (webp["reach"], way["service"], way["level"]) == ("reached", SERVICE, 0)
    assert way["location"] == {"path": "services/face/app.py", "line": 1}
    assert [step.split(" ", 1)[-1].split(" (")[0] for step in way["chain"]] == [
        "service:face",
        "module:services.face.app",
        "module:cv2",
        "module:cv2.cv2",
        "file:/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so",
        "so:libwebp.so.7",
        "by file:/usr/lib/libwebp.so.7",
    ]


def test_what_is_imported_is_reached(scanned: World) -> None:
    opencv_found = by_package(vulns(scanned))["opencv-python"]

    assert opencv_found["reach"] == "reached"
    assert opencv_found["aliases"] == ["GHSA-1"]


def test_what_nothing_loads_is_there_and_unreached(scanned: World) -> None:
    ldap = by_package(vulns(scanned))["openldap"]

    assert (ldap["reach"], ldap["reached_by"], ldap["why_unknown"]) == ("unreached", [], None)


def test_what_is_reached_and_critical_blocks_once_there_is_a_fix(scanned: World) -> None:
    answer = vulns(scanned)

    blocking = [f for f in answer.document["findings"] if f["mode"] == "enforce"]
    assert answer.code == 1
    assert [(f["rule"], f["subject"]) for f in blocking] == [
        ("FA-VULN-001", "advisory:CVE-2030-1:deb/libwebp")
    ]


def test_nothing_is_hidden_because_it_is_unreached(scanned: World) -> None:
    answer = vulns(scanned)

    told = {f["subject"]: f["rule"] for f in answer.document["findings"]}
    assert told["advisory:CVE-2030-2:deb/openldap"] == "FA-VULN-003"
    assert "CVE-2030-2" in answer.out


def test_a_program_that_a_service_starts_is_reached(world: World) -> None:
    world.family(FAMILY, dpkg_layer(WEBP, LDAP, CURL), opencv("libwebp.so.7"))
    world.service(SERVICE, "import subprocess\nsubprocess.run(['curl', 'x'])\n")

    curl = by_package(vulns(world))["curl"]

    assert curl["reach"] == "reached"
    assert curl["reached_by"][0]["location"]["line"] == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import importlib, os\nimportlib.import_module(os.environ['X'])\n", "only a run can tell"),
        ("import cv2\ndef f(:\n", "does not parse"),
    ],
)
def test_what_may_be_hidden_from_sight_is_not_called_unreached(world: World, code: str, words: str) -> None:
    layers = (dpkg_layer(WEBP, LDAP, CURL), opencv("libwebp.so.7"))
    world.family(FAMILY, *layers).service(SERVICE, code)

    ldap = by_package(vulns(world))["openldap"]

    assert ldap["reach"] == "unknown"
    assert words in ldap["why_unknown"]


def test_a_program_that_an_entry_script_names_is_not_called_unreached(world: World) -> None:
    script = {"usr/local/bin/start.sh": "#!/bin/sh\ncurl x\nexec python3.11 app.py\n"}
    config = {"Entrypoint": ["/usr/local/bin/start.sh"]}
    layers = (dpkg_layer(WEBP, LDAP, CURL), opencv("libwebp.so.7"), script)
    world.family(FAMILY, *layers, config=config).service(SERVICE, USES_CV2)

    curl = by_package(vulns(world))["curl"]

    assert curl["reach"] == "unknown"
    assert "start.sh names" in curl["why_unknown"]


def test_without_services_nobody_knows_what_is_reached(scanned: World) -> None:
    found = by_package(vulns(scanned, "--image", f"oci:images/{FAMILY}"))

    assert {each["reach"] for each in found.values()} == {"unknown"}
    assert "no services" in found["libwebp"]["why_unknown"]


def test_an_image_without_python_is_looked_at_like_any_other(scanned: World) -> None:
    root = {"etc/os-release": OS_RELEASE, **dpkg_layer(CURL)}
    ImageBuilder((layer_tar(root),)).write(scanned.folder / "images/bare", "oci")
    found = {name: PACKAGES[name] for name in ("curl", "libc6")}
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report(found, {"curl": [CURL_CVE]}))

    answer = vulns(scanned, "--image", "oci:images/bare", trivy=trivy)

    assert (answer.code, answer.document["gaps"], list(by_package(answer))) == (0, [], ["curl"])


def test_an_image_of_a_distribution_without_one_package_of_it_is_no_clean_one(scanned: World) -> None:
    damaged = {"etc/os-release": "ID=rhel\nVERSION_ID=8.4\n", "var/lib/rpm/Packages": "garbage"}
    for name, layer in (("bare", damaged), ("scratch", {"hello": "world"})):
        ImageBuilder((layer_tar(layer),)).write(scanned.folder / "images" / name, "oci")
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report({}, {}))

    bare, scratch = (vulns(scanned, f"oci:images/{name}", trivy=trivy) for name in ("bare", "scratch"))

    assert (bare.code, bare.gaps["not-scanned"]["what"]) == (3, "packages of rhel 8.4")
    assert (scratch.code, scratch.document["gaps"]) == (0, [])
    assert "No package was looked at, so no advisory is known." in scratch.out


def test_an_advisory_is_explained_from_the_line_to_the_package(scanned: World) -> None:
    vulns(scanned)
    place = scanned.folder.parent
    words = ("--family", FAMILY, "--trivy", str(place / "bin" / "trivy"), "--db", str(place / "trivy"))

    code, out, _ = scanned.say("explain", "CVE-2030-1", *words)

    assert code == 0
    assert "advisory:CVE-2030-1" in out
    assert "imports module:cv2  services/face/app.py:1" in out
    assert "belongs to package:libwebp7" in out


def test_an_advisory_is_found_by_any_of_its_names(scanned: World) -> None:
    vulns(scanned)
    place = scanned.folder.parent
    words = ("--family", FAMILY, "--trivy", str(place / "bin" / "trivy"), "--db", str(place / "trivy"))

    _, out, _ = scanned.say("explain", "GHSA-1", *words)

    assert "CVE-2030-4" in out


def test_an_advisory_that_is_not_on_the_image_is_known_to_nobody(scanned: World) -> None:
    vulns(scanned)
    place = scanned.folder.parent
    words = ("--family", FAMILY, "--trivy", str(place / "bin" / "trivy"), "--db", str(place / "trivy"))

    code, _, err = scanned.say("explain", "CVE-1999-1", *words)

    assert code == 2
    assert "no evidence speaks of CVE-1999-1" in err


def test_an_advisory_is_not_said_to_be_unknown_where_no_scanner_could_be_asked(scanned: World) -> None:
    code, _, err = scanned.say("explain", "CVE-2030-1", "--family", FAMILY, "--db", "nowhere")

    assert code == 3
    assert "not everything could be examined (see vulns)" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 0", "it is empty"),
        ('echo \'{"SchemaVersion": 3}\' > "$OUT"', "schema 3"),
        ('echo \'{"SchemaVersion": 2, \' > "$OUT"', "cannot be read"),
        ("echo crashed >&2; exit 1", "crashed"),
        ("kill -SEGV $$", "status -11"),
        ('truncate -s 1073741825 "$OUT"', "it has 1073741825 bytes"),
        ("yes", "wrote more than 1048576 bytes"),
    ],
)
def test_a_scanner_that_fails_never_means_that_nothing_was_found(
    scanned: World, line: str, words: str
) -> None:
    answer = vulns(scanned, trivy=trivy_that(scanned.folder.parent / "bad", line))

    assert answer.code == 3
    assert answer.document["verdict"] == "incomplete"
    assert words in answer.gaps["scanner-failed"]["why"]
    assert "No package was looked at, so no advisory is known." in answer.out


def test_without_a_scanner_it_is_said_how_to_get_one(
    scanned: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("FLEET_AUDIT_TRIVY", raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "empty" / "python"))

    answer = scanned.run("vulns", FAMILY)

    assert answer.code == 3
    assert "install trivy" in answer.gaps["scanner-absent"]["why"]


def test_a_database_that_is_not_there_is_no_empty_one(scanned: World) -> None:
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report(PACKAGES, FOUND))

    answer = scanned.run("vulns", FAMILY, "--trivy", str(trivy), "--db", "nowhere")

    assert answer.code == 3
    assert "is not there" in answer.gaps["scanner-failed"]["why"]


def test_an_old_database_makes_the_answer_incomplete_and_hides_nothing(scanned: World) -> None:
    clean = trivy_saying(scanned.folder.parent / "bin", scan_report(PACKAGES, {"curl": [CURL_CVE]}))

    answer = vulns(scanned, trivy=clean, made=datetime(2026, 10, 1, tzinfo=UTC))

    assert answer.code == 3
    assert "2026-10-01" in answer.gaps["stale-database"]["why"]
    assert list(by_package(answer)) == ["curl"]


def test_a_database_of_a_week_ago_is_not_old(scanned: World) -> None:
    answer = vulns(scanned, made=datetime(2026, 11, 12, tzinfo=UTC))

    assert "stale-database" not in answer.gaps


def test_a_database_of_the_future_has_no_age(scanned: World) -> None:
    answer = vulns(scanned, made=datetime(2026, 12, 24, tzinfo=UTC))

    assert answer.gaps["stale-database"]["blocking"]
    assert "how old it is cannot be told" in answer.gaps["stale-database"]["why"]


def test_clocks_may_differ_by_hours(scanned: World) -> None:
    answer = vulns(scanned, made=datetime(2026, 11, 18, 23, tzinfo=UTC))

    assert "stale-database" not in answer.gaps


def test_packages_that_the_scanner_passes_over_are_told(scanned: World) -> None:
    seen = {name: facts for name, facts in PACKAGES.items() if name != "libldap"}
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report(seen, {}))

    answer = vulns(scanned, trivy=trivy)

    assert answer.code == 3
    assert "libldap" in answer.gaps["not-scanned"]["why"]


def test_a_clean_image_passes(scanned: World) -> None:
    answer = vulns(scanned, trivy=trivy_saying(scanned.folder.parent / "bin", scan_report(PACKAGES, {})))

    assert (answer.code, answer.document["verdict"], answer.document["gaps"]) == (0, "pass", [])
    assert answer.document["examined"] == len(PACKAGES)


WEBP_URL = "pkg:deb/debian/libwebp7@1.0?arch=amd64&distro=debian-12&upstream=libwebp"
WEBP_OF_CYCLONEDX = {
    "type": "library",
    "bom-ref": "x",
    "name": "libwebp7",
    "version": "1.0",
    "purl": WEBP_URL,
}
WEBP_OF_SPDX = {
    "SPDXID": "SPDXRef-x",
    "name": "libwebp7",
    "versionInfo": "1.0",
    "externalRefs": [
        {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": WEBP_URL}
    ],
}
LISTS_WEBP: dict[str, dict[str, Any]] = {
    "cyclonedx": {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [WEBP_OF_CYCLONEDX]},
    "spdx": {"spdxVersion": "SPDX-2.3", "name": "x", "packages": [WEBP_OF_SPDX]},
}


def saying_webp(world: World) -> Path:
    """Return a trivy that knows libwebp and nothing else."""
    report = scan_report({"libwebp7": PACKAGES["libwebp7"]}, {"libwebp7": [WEBP_CVE]})
    return trivy_saying(world.folder.parent / "bin", report)


@pytest.mark.parametrize("form", LISTS_WEBP)
def test_the_packages_of_a_document_are_asked_about(scanned: World, form: str) -> None:
    scanned.file("image.json", json.dumps(LISTS_WEBP[form]))

    answer = vulns(scanned, "--sbom", "image.json", trivy=saying_webp(scanned))

    webp = by_package(answer)["libwebp"]
    assert (webp["id"], webp["reach"]) == ("CVE-2030-1", "unknown")
    assert webp["why_unknown"] == "an SBOM does not say what services load"
    assert answer.code == 0


@contextmanager
def given_on_standard_input(body: bytes) -> Iterator[None]:
    """Let the process read this on its standard input."""
    reading, writing = os.pipe()
    own = os.dup(0)
    os.write(writing, body)
    os.close(writing)
    try:
        os.dup2(reading, 0)
        yield
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(reading)


def test_a_document_may_come_through_a_pipe(scanned: World) -> None:
    with given_on_standard_input(json.dumps(LISTS_WEBP["cyclonedx"]).encode()):
        answer = vulns(scanned, "--sbom", "-", trivy=saying_webp(scanned))

    assert (answer.code, list(by_package(answer))) == (0, ["libwebp"])


def test_a_document_that_says_that_something_is_missing_is_no_clean_one(scanned: World) -> None:
    lacking = LISTS_WEBP["cyclonedx"] | {"compositions": [{"aggregate": "incomplete"}]}
    scanned.file("image.json", json.dumps(lacking))

    answer = vulns(scanned, "--sbom", "image.json", trivy=saying_webp(scanned))

    assert answer.code == 3
    assert "something is missing" in answer.gaps["incomplete-document"]["why"]


def test_packages_of_a_kind_that_is_not_asked_about_are_no_clean_ones(scanned: World) -> None:
    acl = {**WEBP_OF_CYCLONEDX, "bom-ref": "y", "purl": "pkg:rpm/redhat/acl@2.2.53-1.el8?arch=x86_64"}
    body = LISTS_WEBP["cyclonedx"] | {"components": [WEBP_OF_CYCLONEDX, acl]}
    scanned.file("image.json", json.dumps(body))

    answer = vulns(scanned, "--sbom", "image.json", trivy=saying_webp(scanned))

    assert answer.code == 3
    assert answer.gaps["not-scanned"]["what"] == "1 package of another system"
    assert "pkg:rpm/redhat/acl@2.2.53-1.el8?arch=x86_64" in answer.gaps["not-scanned"]["why"]


def test_a_document_of_several_systems_is_not_looked_up_in_one_of_them(scanned: World) -> None:
    systems = [
        {"type": "operating-system", "bom-ref": version, "name": "debian", "version": version}
        for version in ("11", "12")
    ]
    body = LISTS_WEBP["cyclonedx"] | {"components": [WEBP_OF_CYCLONEDX, *systems]}
    scanned.file("image.json", json.dumps(body))

    answer = vulns(scanned, "--sbom", "image.json", trivy=saying_webp(scanned))

    assert answer.code == 2
    assert "image.json: lists debian 11, debian 12; give the documents of its images" in answer.err


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "is no JSON document"),
        ("<bom/>", "is XML, and only JSON"),
        ("[]", "is no JSON object"),
        ('{"spdxVersion": "SPDX-3.0"}', "says SPDX-3.0; CycloneDX, SPDX 2.2 and 2.3"),
        ('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": {"a": 1}}', "its specification"),
    ],
)
def test_a_document_that_is_no_sbom_is_told(scanned: World, body: str, words: str) -> None:
    scanned.file("bad.json", body)

    answer = vulns(scanned, "--sbom", "bad.json")

    assert answer.code == 2
    assert words in answer.err


def test_a_vex_statement_is_shown_and_lets_the_advisory_be(scanned: World) -> None:
    statement = {
        "vulnerability": {"name": "CVE-2030-1"},
        "products": [{"@id": "pkg:deb/debian/libwebp"}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
    }
    unused = {**statement, "vulnerability": {"name": "CVE-1999-1"}}
    body = {"@context": "https://openvex.dev/ns/v0.2.0", "statements": [statement, unused]}
    scanned.file("vex.json", json.dumps(body))

    answer = vulns(scanned, FAMILY, "--vex", "vex.json")

    webp = by_package(answer)["libwebp"]
    assert (webp["reach"], [each["status"] for each in webp["vex"]]) == ("reached", ["not_affected"])
    assert "advisory:CVE-2030-1:deb/libwebp" not in {f["subject"] for f in answer.document["findings"]}
    assert answer.code == 0
    assert answer.document["notes"] == [
        "1 VEX statement holds for nothing that was found: CVE-1999-1 in vex.json"
    ]


def test_what_is_known_to_be_exploited_counts_like_what_is_critical(scanned: World) -> None:
    advisory = {**WEBP_CVE, "VendorSeverity": {"nvd": 2}}
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report(PACKAGES, {"libwebp7": [advisory]}))
    scanned.file("kev.csv", "cveID,dateAdded\nCVE-2030-1,2030-01-01\n")
    scanned.file("epss.csv", "cve,epss,percentile\nCVE-2030-1,0.5,0.9\n")

    plain = vulns(scanned, trivy=trivy)
    answer = vulns(scanned, FAMILY, "--kev", "kev.csv", "--epss", "epss.csv", trivy=trivy)

    assert (plain.code, by_package(plain)["libwebp"]["exploited"]) == (0, None)
    assert (answer.code, by_package(answer)["libwebp"]["exploited"]) == (1, True)
    assert by_package(answer)["libwebp"]["epss"] == 0.5


def test_a_release_without_security_updates_is_held_against_the_image(scanned: World) -> None:
    ended = scan_report(PACKAGES, {}, has_ended=True)

    answer = vulns(scanned, trivy=trivy_saying(scanned.folder.parent / "bin", ended))
    older = ended.replace('"Name": "12"', '"Name": "11.11"')
    dated = vulns(scanned, trivy=trivy_saying(scanned.folder.parent / "bin", older))

    (finding,) = answer.document["findings"]
    assert (finding["rule"], finding["subject"], finding["mode"]) == (
        "FA-VULN-004",
        "system:debian 12",
        "warn",
    )
    assert "debian 12 gets no security updates any more" in answer.out
    assert (answer.code, answer.document["end_of_life"]) == (0, True)
    assert "any more (the last ones came on 2026-08-31)" in dated.document["findings"][0]["message"]


def test_whose_severity_counts_can_be_chosen(scanned: World) -> None:
    rated = {**WEBP_CVE, "VendorSeverity": {"debian": 1, "nvd": 4}}
    trivy = trivy_saying(scanned.folder.parent / "bin", scan_report(PACKAGES, {"libwebp7": [rated]}))

    by_debian = vulns(scanned, trivy=trivy)
    by_nvd = vulns(scanned, FAMILY, "--severity-source", "nvdd, nvd", trivy=trivy)

    assert (by_debian.code, by_package(by_debian)["libwebp"]["severity"]) == (0, "low")
    assert (by_nvd.code, by_package(by_nvd)["libwebp"]["severity"]) == (1, "critical")
    assert by_nvd.document["notes"] == ["no advisory is rated by nvdd, only by debian, nvd"]


@pytest.mark.parametrize("option", ["--kev", "--epss", "--vex"])
def test_a_file_that_is_not_what_it_is_given_for_is_refused(scanned: World, option: str) -> None:
    scanned.file("file", "{")

    answer = vulns(scanned, FAMILY, option, "file")

    assert answer.code == 2
    assert "file: " in answer.err


@pytest.mark.parametrize(
    "words", [(), ("--sbom", "x", FAMILY), ("--sbom", "x", "--image", "y"), (FAMILY, "other")]
)
def test_words_that_do_not_say_what_to_look_at_are_refused(scanned: World, words: tuple[str, ...]) -> None:
    assert scanned.run("vulns", *words).code == 2
