"""A patch that was shown is applied as it was shown, or not at all."""

import pytest

from fleet_audit.audit.dockerfiles.addition.applying import ChangeDoesNotFit, applied
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.model.apt import AptPlan

SOURCE = "FROM base:1\r\n\nRUN apt-get update && apt-get install -y zlib1g\nCMD run"
PLAN = AptPlan(roots=("libgl1=1.6.0-1",))
DIFF = unified(patch(SOURCE, PLAN))


def test_the_patch_gives_what_was_planned() -> None:
    assert applied(SOURCE, DIFF) == patch(SOURCE, PLAN).after


def test_nothing_is_no_change() -> None:
    assert applied(SOURCE, "") == SOURCE


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("FROM base:1\n", "not those that the patch was made for"),
        (SOURCE.replace("zlib1g", "zlib1g curl"), "not those that the patch was made for"),
        (f"# new\n{SOURCE}", "not those that the patch was made for"),
        (f"{SOURCE}2", "not those that the patch was made for"),
        ("", "not those that the patch was made for"),
    ],
)
def test_another_text_is_left_alone(source: str, why: str) -> None:
    with pytest.raises(ChangeDoesNotFit, match=why):
        applied(source, DIFF)


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        ("hello", "no unified diff"),
        ("--- a/x\n+++ b/x\n@@ -7,1 +7,1 @@\n x\n", "there is no line 7"),
        ("--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n*FROM base:1\n", "neither kept"),
    ],
)
def test_what_is_no_patch_of_ours_is_refused(diff: str, why: str) -> None:
    with pytest.raises(ChangeDoesNotFit, match=why):
        applied(SOURCE, diff)
