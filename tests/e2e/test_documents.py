"""The documents of whole commands have what is promised, in the words that are promised (docs/commands)."""

import json
from typing import Any

import pytest

from tests.support.elf import LOADER, Needs, elf
from tests.support.worlds import FAMILY, Document, World, installed, library, opencv

TEXT, NUMBER, TRUTH, LIST, OPTIONAL_TEXT = str, int, bool, list, (str, type(None))
PLACE = {"path": TEXT, "line": (int, type(None))}
ENVELOPE = {
    "schema": TEXT,
    "tool": {"name": TEXT, "version": TEXT},
    "created": TEXT,
    "subject": TEXT,
    "findings": [
        {
            "rule": TEXT,
            "severity": {"info", "warn", "error", "critical"},
            "confidence": {"certain", "likely", "possible"},
            "mode": TEXT,
            "subject": TEXT,
            "message": TEXT,
            "remedy": TEXT,
            "location": PLACE,
            "related": LIST,
            "fingerprint": TEXT,
            "waiver": OPTIONAL_TEXT,
        }
    ],
    "gaps": [{"stage": TEXT, "kind": TEXT, "what": TEXT, "why": TEXT, "blocking": TRUTH}],
    "verdict": {"pass", "fail", "incomplete"},
}
IMAGE = {
    "ref": TEXT,
    "digest": TEXT,
    "platform": TEXT,
    "distro": {"id": TEXT, "version": TEXT, "codename": TEXT},
}
DEPS = {
    **ENVELOPE,
    "image": IMAGE,
    "family": TEXT,
    "services": [TEXT],
    "needs": [
        {
            "kind": {"soname", "symbol-version", "program", "distribution"},
            "name": TEXT,
            "tier": {"required", "lazy", "optional"},
            "status": {
                *("resolved", "missing", "fatal", "wrong-machine", "order-dependent", "wrong-variant"),
                *("host-driver", "not-available", "declared", "unknown"),
            },
            "wanted_by": [TEXT],
            "via": {"needed", "dlopen", "find_library", "subprocess", "rule", "manifest"},
            "reached_from": [{"service": TEXT, "path": TEXT, "line": NUMBER, "chain": [TEXT]}],
        }
    ],
    "proposal": {
        "roots": [TEXT],
        "packages": [
            {
                "name": TEXT,
                "version": TEXT,
                "because": [TEXT],
                "installed_bytes": NUMBER,
                "download_bytes": NUMBER,
            }
        ],
        "installed_bytes": NUMBER,
        "download_bytes": NUMBER,
        "steering": LIST,
        "optimal": TRUTH,
        "certificate": TEXT,
        "steps": [{"package": TEXT, "because": TEXT, "excluded": LIST, "choice": TRUTH}],
        "apt_default": (dict, type(None)),
        "others": LIST,
        "unsatisfied": [{"need": TEXT, "verdict": TEXT}],
        "hints": LIST,
        "remedies": [
            {
                "id": TEXT,
                "needs": [TEXT],
                "action": TEXT,
                "change": TEXT,
                "evidence": [TEXT],
                "locations": LIST,
            }
        ],
        "shares": LIST,
        "verification": (dict, type(None)),
        "also": LIST,
        "placement": TEXT,
        "dockerfile": {"path": TEXT, "line": NUMBER, "patch": OPTIONAL_TEXT},
    },
    "surplus": LIST,
}
UNPARSED = {
    "path": TEXT,
    "line": NUMBER,
    "error": TEXT,
    "recovered": NUMBER,
    "parser": {"whole", "block", "skim"},
    "skimmed": [{"first": NUMBER, "last": NUMBER}],
}
IMPORTS = {
    **ENVELOPE,
    "services": [
        {
            "name": TEXT,
            "entry": TEXT,
            "files": [TEXT],
            "imports": [
                {
                    "module": TEXT,
                    "context": {"module", "guarded", "lazy", "typing", "dynamic"},
                    "distribution": OPTIONAL_TEXT,
                    "provided_by": OPTIONAL_TEXT,
                    "locations": [PLACE],
                    "parser": {"whole", "block", "skim"},
                }
            ],
            "missing": [{"module": TEXT, "suggestions": [TEXT], "context": TEXT, "locations": [PLACE]}],
            "unused_distributions": LIST,
            "native_loads": LIST,
            "programs": LIST,
            "path_edits": LIST,
            "extension_modules": [
                {"path": TEXT, "module": TEXT, "distribution": TEXT, "level": {0, 1, 2, 3}, "chain": [TEXT]}
            ],
        }
    ],
    "unparsed": [UNPARSED],
}
LDD = {
    **{name: shape for name, shape in ENVELOPE.items() if name != "findings"},
    "image": IMAGE,
    "counts": {"elf": NUMBER, "extension_modules": NUMBER, "entry_points": NUMBER},
    "entries": [
        {
            "path": TEXT,
            "kind": {"extension-module", "executable", "ctypes-target", "plugin"},
            "module": OPTIONAL_TEXT,
            "distribution": OPTIONAL_TEXT,
            "problems": [
                {
                    "kind": {
                        *("missing", "fatal", "wrong-machine", "version", "symbol", "order-dependent"),
                        *("wrong-variant", "execstack", "relative-rpath", "isa", "host-driver", "optional"),
                    },
                    "soname": TEXT,
                    "wanted_by": TEXT,
                    "searched": [TEXT],
                    "detail": TEXT,
                }
            ],
        }
    ],
}


def faults(value: Any, shape: Any, at: str = "$") -> list[str]:
    """Return where a value is not of a shape: a type, words to choose from, fields, a list of one shape."""
    match shape:
        case dict():
            if not isinstance(value, dict):
                return [f"{at}: {value!r} is no object"]
            absent = [f"{at}.{name} is absent" for name in shape if name not in value]
            inner = (faults(value[k], shape[k], f"{at}.{k}") for k in shape if k in value)
            return absent + [fault for found in inner for fault in found]
        case list():
            if not isinstance(value, list):
                return [f"{at}: {value!r} is no list"]
            return [f for i, each in enumerate(value) for f in faults(each, shape[0], f"{at}[{i}]")]
        case set():
            return [] if value in shape else [f"{at}: {value!r} is none of {sorted(shape)}"]
        case _:
            return [] if isinstance(value, shape) else [f"{at}: {value!r} is no {shape}"]


def lists_without_element(value: Any, shape: Any, at: str = "$") -> list[str]:
    """Return the lists of a shape of which this document shows no element: nothing was checked there."""
    if isinstance(shape, dict):
        return [f for k in shape for f in lists_without_element(value[k], shape[k], f"{at}.{k}")]
    if isinstance(shape, list):
        if not value:
            return [at]
        return [] if len(value) > 1 else lists_without_element(value[0], shape[0], at)
    return []


@pytest.fixture
def fleet(world: World) -> World:
    """Give a fleet in which there is something of everything."""
    app = (
        "import sys\nimport subprocess\nimport ctypes\nimport cv2\nimport nobody\n\n"
        "sys.path.insert(0, 'lib')\nctypes.CDLL('libpulse.so.0')\nsubprocess.run(['ffmpeg'], check=True)\n"
    )
    world.file("docker/Dockerfile", "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n")
    world.family(
        FAMILY,
        opencv("libGL.so.1", "libnowhere.so.9", "libcuda.so.1"),
        installed(
            "odd",
            {"odd.abi3.so": elf(needed=["libc.so.6"], version_needs=[Needs("libc.so.6", ["GLIBC_9.9"])])},
        ),
        dockerfiles=["docker/Dockerfile"],
        config={"Entrypoint": ["/usr/local/bin/python3.11"]},
    )
    return world.service("face", app).service("broken", "import odd\ndef (:\n")


def test_deps_is_as_promised(fleet: World) -> None:
    document = fleet.run("deps", FAMILY).document

    assert document["schema"] == "fleet-audit.deps/1"
    assert faults(document, DEPS) == []
    assert lists_without_element(document, DEPS) == []
    assert {"missing", "resolved", "host-driver"} <= {need["status"] for need in document["needs"]}
    assert {"soname", "symbol-version", "program", "distribution"} == {n["kind"] for n in document["needs"]}


def test_imports_is_as_promised(fleet: World) -> None:
    document = fleet.run("imports").document

    assert document["schema"] == "fleet-audit.imports/1"
    assert faults(document, IMPORTS) == []
    (face,) = (service for service in document["services"] if service["name"] == "face")
    providers = {i["module"]: i["provided_by"] for i in face["imports"]}
    assert providers["cv2"] == f"family:{FAMILY}"
    assert providers["sys"] == "stdlib"
    assert [m["module"] for m in face["missing"]] == ["nobody"]
    assert face["path_edits"][0]["location"] == {"path": "services/face/app.py", "line": 7}
    assert face["extension_modules"][0]["module"] == "cv2.cv2"


def test_ldd_is_as_promised(fleet: World) -> None:
    document = fleet.run("ldd", FAMILY).document

    assert document["schema"] == "fleet-audit.ldd/1"
    assert faults(document, LDD) == []
    kinds = {problem["kind"] for entry in document["entries"] for problem in entry["problems"]}
    assert kinds == {"missing", "version", "host-driver"}
    assert document["counts"]["entry_points"] == len(document["entries"])


def test_several_subjects_stand_in_one_envelope(fleet: World) -> None:
    fleet.family("web").service("hub", family="web")

    document = fleet.run("deps", "--all").document

    assert list(document) == ["schema", "tool", "created", "subjects", "verdict"]
    assert all(faults(each, {**ENVELOPE, "family": TEXT}) == [] for each in document["subjects"])


@pytest.mark.parametrize(
    "words",
    [["deps", FAMILY], ["deps", "--all"], ["imports"], ["ldd", FAMILY], ["explain", "cv2"], ["doctor"]],
)
def test_json_on_standard_output_is_json_and_nothing_else(fleet: World, words: list[str]) -> None:
    _, out, err = fleet.say(*words, "-o", "json")

    assert json.loads(out)["tool"]["name"] == "fleet-audit"
    assert err == ""


@pytest.mark.parametrize("name", ["text", "json", "sarif"])
@pytest.mark.parametrize("words", [["deps", "--all"], ["imports"], ["ldd", FAMILY]])
def test_the_same_input_gives_the_same_bytes_with_and_without_a_cache(
    fleet: World, words: list[str], name: str
) -> None:
    first = fleet.say(*words, "-o", name)

    assert fleet.say(*words, "-o", name) == first
    assert fleet.say(*words, "-o", name, "--cache-dir", str(fleet.folder / "other"), "--jobs", "1") == first


@pytest.mark.parametrize("words", [["deps", "--all"], ["imports"], ["ldd", FAMILY]])
def test_sarif_names_every_rule_that_it_uses_and_places_within_the_repository(
    fleet: World, words: list[str]
) -> None:
    _, out, _ = fleet.say(*words, "-o", "sarif")

    sarif: Document = json.loads(out)
    assert sarif["version"] == "2.1.0"
    (run,) = sarif["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["results"]
    assert {result["ruleId"] for result in run["results"]} <= known
    for result in run["results"]:
        for place in result.get("locations", []):
            assert not place["physicalLocation"]["artifactLocation"]["uri"].startswith("/")


def test_an_interpreter_that_cannot_start_is_an_executable_with_a_problem(world: World) -> None:
    tool = elf(interpreter=LOADER, needed=["libgone.so.1", "libc.so.6"])
    world.family(FAMILY, {"usr/bin/tool": tool}, library("usr/lib/libx.so.1"), config={"Cmd": ["tool"]})

    answer = world.run("ldd", FAMILY)

    assert answer.code == 1
    entries = {entry["path"]: entry for entry in answer.document["entries"]}
    assert entries["/usr/bin/tool"]["kind"] == "executable"
    assert entries["/usr/bin/tool"]["problems"][0]["soname"] == "libgone.so.1"
