"""Repositories that were made to harm: ``dockerfiles`` ends soon, and says what it left out."""

import json
import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.packaged import with_known_rules
from tests.support.worlds import World

MAX_SECONDS = 10.0
"""Of processors; what a repository here costs is a tenth of that on a quiet machine."""

UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
CODES = (0, 1, 3)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty repository without a manifest, and be in it."""
    folder = tmp_path / "shop"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path / "cache")))
    return folder


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def audited(*, within: float = MAX_SECONDS) -> tuple[int, dict[str, Any]]:
    """Audit the repository around here; check that the answer came soon, and as documented."""
    begin = time.process_time()
    code, out, err = World.say("dockerfiles", "-o", "json")
    assert time.process_time() - begin < within
    assert code in CODES, err
    return code, json.loads(out)


def gaps(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(gap["what"], gap["why"]) for gap in document["gaps"]}


def whys(document: dict[str, Any]) -> str:
    return "\n".join(sorted(gap["why"] for gap in document["gaps"]))


def workflow(*steps: Mapping[str, str], **job: object) -> str:
    return json.dumps({"on": "push", "jobs": {"j": {"runs-on": "x", "steps": steps, **job}}})


ENDLESS: Mapping[str, Mapping[str, str | bytes]] = {
    "a line of 100 MB": {"Dockerfile": b"FROM a\nRUN " + b"x" * (100 << 20)},
    "a NUL byte": {"Dockerfile": b"FROM a\nRUN \0\n"},
    "too many instructions": {"Dockerfile": "FROM a\n" + "RUN pip install a || true\n" * 20_000},
    "a YAML bomb": {
        "compose.yaml": "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
        )
    },
    "merge keys of merge keys": {
        "compose.yaml": "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30))
    },
    "deep nesting": {"compose.yaml": "[" * 1_000_000, "k8s/pod.yaml": "{a: " * 500_000},
    "keys that are given twice": {"compose.yaml": "services: {web: {build: .}, web: {build: .}}\n"},
    "parentheses in HCL": {"docker-bake.hcl": 'variable "A" { default = ' + "(" * 500_000},
    "a huge HCL file": {"docker-bake.hcl": 'target "a" {}\n' * 100_000},
    "a matrix of a million runs": {
        ".github/workflows/w.yml": workflow(
            {"run": "docker build -t a:${{ matrix.a }}-${{ matrix.b }} ."},
            strategy={"matrix": {name: [*range(100)] for name in "abc"}},
        )
    },
    "actions that use themselves": {
        ".github/workflows/w.yml": workflow({"uses": "./a0"}),
        **{
            f"a{n}/action.yml": json.dumps(
                {"runs": {"using": "composite", "steps": [{"uses": f"./a{(n + 1) % 40}"}] * 2}}
            )
            for n in range(40)
        },
    },
}
"""What is left out, and said to be."""

HARMLESS: Mapping[str, Mapping[str, str | bytes]] = {
    "stages in a ring": {"Dockerfile": "FROM a AS x\nCOPY --from=y /a /\nFROM a AS y\nCOPY --from=x /a /\n"},
    "many stages": {
        "Dockerfile": "FROM a AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\n" for n in range(9_000))
    },
    "values that double": {
        "Dockerfile": "ARG A0=xxxxxxxx\n"
        + "".join(f"ARG A{n + 1}=$A{n}$A{n}\n" for n in range(60))
        + "FROM $A60\n"
    },
    "costly patterns": {
        "Dockerfile": f"FROM a\nENV A={'a' * 3000}\n"
        + "".join(f"ENV B{n}=${{A##*a*a*a*a*a*a*a*b}}\n" for n in range(500))
    },
    "open quotes and substitutions": {
        "Dockerfile": "FROM a\nRUN " + "$(" * 50_000,
        "a.sh": "docker build " + "$((" * 40_000,
        "b.sh": "cat <<E\n" * 40_000,
        "c.sh": "docker build -t ${A" * 10_000,
    },
    "nested commands": {
        "Dockerfile": "FROM a\nRUN " + "if true; then " * 15_000,
        "a.sh": "{ " * 100_000,
        "b.sh": "sh -c '" * 30_000,
    },
    "functions that call one another": {
        "a.sh": "".join(f"f{n}() {{ f{n + 1}; f{n + 1}; f{n + 1}; }}\n" for n in range(60)) + "f0\n"
    },
    "scripts that run themselves": {
        "build.sh": "./build.sh\n. ./build.sh\nbash other.sh\ndocker build .\n",
        "other.sh": "source build.sh; make all\n",
        "Makefile": "all: all\n\t./build.sh\n\t$(MAKE) all\n",
        "Dockerfile": "FROM a\nCOPY . /\nRUN ./build.sh && bash other.sh\n",
    },
    "files that include themselves": {
        "compose.yaml": "include: [b/compose.yaml, compose.yaml]\nservices: {x: {build: .}}\n",
        "b/compose.yaml": "include: [../compose.yaml, compose.yaml]\n",
    },
    "services that extend themselves": {
        "compose.yaml": "services:\n  a: {build: ., extends: {service: b}}\n  b: {extends: {service: a}}\n"
    },
    "targets that inherit themselves": {
        "docker-bake.hcl": 'target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["a"] }\n'
        'group "default" { targets = ["g", "a"] }\ngroup "g" { targets = ["default"] }\n'
        'variable "X" { default = "${Y}" }\nvariable "Y" { default = "${X}" }\n'
    },
    "variables that double": {
        "docker-bake.hcl": 'variable "A0" { default = "xxxxxxxx" }\n'
        + "".join(f'variable "A{n + 1}" {{ default = "${{A{n}}}${{A{n}}}" }}\n' for n in range(60))
        + 'target "x" { tags = ["a:${A60}"] }\n'
    },
    "workflows that call one another": {
        f".github/workflows/w{n}.yml": json.dumps(
            {
                "on": {"workflow_call": {}, "push": {}},
                "jobs": {"j": {"uses": f"./.github/workflows/w{1 - n}.yml"}},
            }
        )
        for n in (0, 1)
    },
    "expressions without end": {
        ".github/workflows/w.yml": workflow(
            {"if": "(" * 50_000, "run": "docker build -t ${{ " + "!" * 50_000}
        )
    },
    "requirements that include themselves": {
        "Dockerfile": "FROM a\nCOPY . .\nRUN pip install -r requirements.txt\n",
        "requirements.txt": "-r requirements.txt\n-r b/requirements.txt\na; " + "(" * 100_000 + "\n",
        "b/requirements.txt": "-c ../requirements.txt\n",
    },
    "patterns that could be slow": {
        "Dockerfile": "FROM a\nCOPY " + "a*" * 100 + "b /\n",
        ".dockerignore": "".join(f"**/{'*a' * 50}{n}\n" for n in range(300)),
        **{f"{'a' * 100}{n}": "" for n in range(100)},
    },
}
"""What is gone through to its end, or not known and nobody's fault."""


@pytest.mark.parametrize("name", ENDLESS)
def test_what_is_too_much_is_left_out_and_said_to_be(here: Path, name: str) -> None:
    write(here, {"fine/Dockerfile": "FROM a\nEXPOSE http\n", **ENDLESS[name]})
    _, document = audited()
    assert document["gaps"]
    assert "FA-DF-001" in [finding["rule"] for finding in document["findings"]]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_could_be_slow_ends(here: Path, name: str) -> None:
    write(here, {"fine/Dockerfile": "FROM a\nEXPOSE http\n", **HARMLESS[name]})
    _, document = audited()
    assert "FA-DF-001" in [finding["rule"] for finding in document["findings"]]


def test_thousands_of_services(here: Path) -> None:
    services = {f"s{n}": {"build": {"context": f"c{n % 7}", "args": {"A": str(n)}}} for n in range(3_000)}
    write(here, {"compose.yaml": json.dumps({"services": services})})
    write(here, {f"c{n}/Dockerfile": "FROM a:1\nARG A\nCOPY x$A /\n" for n in range(7)})
    assert audited(within=5)[1]["findings"]


def test_a_folder_with_very_many_files(here: Path) -> None:
    for number in range(10_000):
        (here / f"file{number}.txt").touch()
    write(
        here, {"Dockerfile": "FROM a:1\nCOPY file*7*.txt f*0*1*z /\nCOPY . /\n", ".dockerignore": "**/f*9*\n"}
    )
    audited(within=5)


def test_nothing_outside_is_read(here: Path) -> None:
    outside = here.parent / "outside"
    private = "a1b2-private"
    write(outside, {"Dockerfile": f"FROM {private}\nEXPOSE http\n", "requirements.txt": f"{private}\n"})
    write(
        here,
        {
            "app/Dockerfile": "FROM a\nCOPY requirements.txt check.sh out/ self loop /\n"
            "RUN pip install -r requirements.txt && ./check.sh\nHEALTHCHECK CMD ./check.sh\n",
            "compose.yaml": "services:\n"
            "  a: {build: {context: ., dockerfile: app/Dockerfile}, env_file: .env}\n"
            "  b: {build: ../outside}\n  c: {build: out}\n"
            "  d: {extends: {file: ../outside/compose.yaml, service: x}}\n",
        },
    )
    links: dict[str, Path | str] = {
        **dict.fromkeys(("Dockerfile", ".env", "check.sh", "Makefile"), outside / "Dockerfile"),
        **dict.fromkeys((".dockerignore", "requirements.txt"), outside / "requirements.txt"),
        "out": outside,
        "self": ".",
        "loop": "loop",
    }
    for name, target in links.items():
        (here / name).symlink_to(target)
    _, document = audited()
    assert private not in json.dumps(document)
    assert {name for name, _ in gaps(document)} >= {"Dockerfile", ".dockerignore", "requirements.txt"}


def test_what_is_no_file_is_not_opened(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        here, {"a/Dockerfile.x": "FROM a:1\nCOPY requirements.txt /\nRUN pip install -r requirements.txt\n"}
    )
    pipes = ("Dockerfile", "compose.yaml", "requirements.txt", ".dockerignore", ".env")
    for name in (*pipes, "a/Dockerfile.x.dockerignore"):
        os.mkfifo(here / name)
    monkeypatch.chdir(here / "a")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("Containerfile")
        monkeypatch.chdir(here)
        _, document = audited()
    assert {
        (name, "is no regular file") for name in ("Dockerfile", "compose.yaml", "a/Containerfile")
    } <= gaps(document)


NAMES = (
    "\x1b[31mred",
    "new\nline",
    "tab\t",
    "\u202eright",
    "a|b",
    "@security",
    "`code`",
    "<script>",
    "%41%0A",
    "::error::forged",
    "line\u2028separator",
    b"\xff\xfe".decode(errors="surrogateescape"),
)


def test_no_name_can_forge_a_report(here: Path) -> None:
    bad = 'FROM a\nEXPOSE http\nCOPY "not\x1bhere" /\nLABEL "\x1b[31m\u202e"=x "::error::"=y\n'
    for name in NAMES:
        write(here, {f"{name}/Dockerfile": bad})
    write(
        here,
        {
            "compose.yaml": 'services: {"a\\e[31m\\n::error::x": '
            '{build: "gone\\n\\e[1m", image: "x\\u2028y:z"}}\n',
            ".github/workflows/w.yml": workflow(
                {"name": "\x1b[1m\n", "run": "docker build -t \x1b[31m\u202e ."}
            ),
        },
    )
    for name in ("text", "json", "sarif"):
        code, out, err = World.say("dockerfiles", "-o", name)
        assert code in CODES, err
        assert UNSAFE.search(out if name == "text" else err) is None, name
        out.encode()
        if name != "text":
            json.loads(out)
    findings = audited()[1]["findings"]
    assert sum(finding["rule"] == "FA-DF-001" for finding in findings) == len(NAMES)


def test_paths_longer_than_the_system_takes_are_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, {"Dockerfile": "FROM a\n"})
    with monkeypatch.context() as inside:
        for _ in range(25):
            (Path() / ("d" * 200)).mkdir()
            inside.chdir("d" * 200)
    code, document = audited()
    assert code == 3
    assert "cannot be listed" in whys(document)
