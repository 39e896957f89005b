"""Whether a script fails where one of its commands does; the outcomes are those of bash."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.shell.calls import with_inner
from fleet_audit.audit.dockerfiles.shell.outcomes import LossKind, lost_failure
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Options

LOST = [
    ("scan || true", LossKind.ALTERNATIVE),
    ("scan || echo failed", LossKind.ALTERNATIVE),
    ("scan || { echo failed; true; }", LossKind.ALTERNATIVE),
    ("scan && echo fine || echo failed", LossKind.ALTERNATIVE),
    ("scan || exit 0", LossKind.ALTERNATIVE),
    ("scan | tee report", LossKind.PIPE),
    ("scan |& cat", LossKind.PIPE),
    ("scan && echo fine\necho on", LossKind.GOES_ON),
    ("set +e\nscan\necho on", LossKind.GOES_ON),
    ("set +e; scan; exit 0", LossKind.GOES_ON),
    ('set +e\nscan\necho "ended with $?"', LossKind.GOES_ON),
    ("if scan; then echo fine; fi", LossKind.CONDITION),
    ("if scan; then echo fine; else echo bad; fi", LossKind.CONDITION),
    ("! scan", LossKind.NEGATED),
    ("scan &", LossKind.BACKGROUND),
    ("echo $(scan)", LossKind.SUBSTITUTION),
    ("export x=$(scan)", LossKind.SUBSTITUTION),
    ("{ scan; echo on; } || true", LossKind.GOES_ON),
    ("(scan) || true", LossKind.ALTERNATIVE),
    ("for i in a; do scan || true; done", LossKind.ALTERNATIVE),
    ("set +e\nfor i in 1 0; do scan $i; done", LossKind.NEXT_ROUND),
    ("set +e\nif true; then scan; echo on; else scan; fi", LossKind.GOES_ON),
    ("f() { scan && echo fine; echo on; }\nf", LossKind.GOES_ON),
]
KEPT = [
    "scan",
    "scan\necho on",
    "scan || exit 1",
    "scan || { echo failed; exit 1; }",
    "scan || false",
    "set -o pipefail\nscan | tee report",
    "echo x | scan",
    "scan && echo fine",
    "set +e\nscan\nstatus=$?\nexit $status",
    "set +e\nscan",
    "if ! scan; then exit 1; fi",
    "if scan; then echo fine; else exit 3; fi",
    "x=$(scan)",
    "(scan)\necho on",
    "{ scan; }\necho on",
    "for i in a; do scan; done\necho on",
    "case a in a) scan;; esac\necho on",
    "if true; then scan; fi\necho on",
    "set +e\nif true; then echo fine && scan; elif false; then echo no; else echo no; fi",
    "set +e\nif true; then scan && echo fine; else echo no; fi",
    "set +e\ncase a in a) scan;; *) echo no;; esac",
    "set +e\nfor i in 0 1; do scan && break; done",
    "set +e\nfor i in 0 1; do scan --always; done",
    "set -e; f() { scan; echo on; }; f",
]


def loss_of(text: str) -> LossKind | None:
    script = read_script(text, options=Options(exits_on_error=True))
    command = next(each for each in script.commands if each.name == "scan")
    found = lost_failure(script, command)
    return None if found is None else found.kind


@pytest.mark.parametrize(("text", "kind"), LOST)
def test_a_failure_is_lost(text: str, kind: LossKind) -> None:
    assert loss_of(text) is kind


@pytest.mark.parametrize("text", KEPT)
def test_a_failure_is_kept(text: str) -> None:
    assert loss_of(text) is None


def test_a_failure_that_a_function_or_something_else_handles_is_not_called_lost() -> None:
    assert loss_of("scan || handle") is None
    assert loss_of("scan || failed=1\nexit ${failed:-0}") is None
    assert loss_of("if scan; then echo fine; else failed=1; fi\nexit ${failed:-0}") is None
    assert loss_of("set +e; f() { scan; return $?; }; f") is None
    assert loss_of('if ! scan; then echo failed=1 >> "$GITHUB_ENV"; fi') is None
    assert loss_of("scan || echo failed > state") is None
    assert loss_of("scan | tee report; test ${PIPESTATUS[0]} -eq 0") is None
    assert loss_of("scan | tee report && exit ${PIPESTATUS[0]}") is None
    assert loss_of('set +e\nscan\necho "code=$?" >> "$GITHUB_OUTPUT"') is None
    assert loss_of("scan || echo failed >> $GITHUB_STEP_SUMMARY") is LossKind.ALTERNATIVE
    assert loss_of("scan || echo failed >&2") is LossKind.ALTERNATIVE
    assert loss_of("while scan; do sleep 1; done") is None


def test_what_another_shell_is_given_is_followed() -> None:
    def kind(text: str) -> LossKind | None:
        script = read_script(text, options=Options(exits_on_error=True))
        inner = next(each for each in with_inner(script) if each.name == "scan")
        found = lost_failure(script, inner)
        return None if found is None else found.kind

    assert kind("sudo bash -c 'scan || true'\necho on") is LossKind.ALTERNATIVE
    assert kind("bash -c 'scan; echo on'") is LossKind.GOES_ON
    assert kind("bash -c 'eval \"scan\"' || true") is LossKind.ALTERNATIVE
    assert kind("bash -ec 'scan; echo on'\necho on") is None


def test_the_line_is_where_the_failure_ends() -> None:
    script = read_script("scan \\\n  --all \\\n  || true\n")
    found = lost_failure(script, script.commands[0])
    assert found is not None
    assert (found.line, found.by) == (3, "true")


@pytest.mark.skipif(shutil.which("bash") is None, reason="asks bash itself")
@pytest.mark.parametrize(
    ("text", "is_lost"), [*((text, True) for text, _ in LOST), *((text, False) for text in KEPT)]
)
def test_bash_says_the_same(text: str, is_lost: bool, tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  (the samples of this file)
        [shutil.which("bash") or "", "-ec", f"scan() {{ return ${{1:-9}}; }}\n{text}\n"],
        capture_output=True,
        timeout=10,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode == 0) is is_lost
