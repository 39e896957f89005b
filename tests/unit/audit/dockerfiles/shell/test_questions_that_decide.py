"""How a command that asks a question decides over its script."""

import pytest

from fleet_audit.audit.dockerfiles.shell.outcomes import Sense, sense_of
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Options


@pytest.mark.parametrize(
    ("text", "sense"),
    [
        ("if grep -q X r; then exit 1; fi", Sense.FAILS_WHEN_TRUE),
        ("if grep -q X r; then echo bad; exit 2; fi\necho on", Sense.FAILS_WHEN_TRUE),
        ("grep -q X r && exit 1", Sense.FAILS_WHEN_TRUE),
        ("grep -q X r && { echo bad; exit 1; }", Sense.FAILS_WHEN_TRUE),
        ("! grep -q X r", Sense.FAILS_WHEN_TRUE),
        ("if ! grep -q X r; then exit 1; fi", Sense.FAILS_WHEN_FALSE),
        ("grep -q X r || exit 1", Sense.FAILS_WHEN_FALSE),
        ("grep -q X r", Sense.FAILS_WHEN_FALSE),
        ("scan | grep X\necho on", Sense.FAILS_WHEN_FALSE),
        ("if grep -q X r; then echo found; fi", Sense.NEVER_FAILS),
        ("! grep -q X r\necho on", Sense.NEVER_FAILS),
        ("grep X r || true", None),
        ("if grep -q X r; then echo found=1 >> $GITHUB_OUTPUT; fi", None),
        ("if grep -q X r; then handle; fi", None),
        ("if grep -q X r; then echo a; else exit 1; fi", None),
        ("x=$(grep X r)", None),
        ("grep X r | wc -l", None),
        ("while grep -q X r; do sleep 1; done", None),
        ("grep X r && mail", None),
    ],
)
def test_a_question_decides(text: str, sense: Sense | None) -> None:
    script = read_script(text, options=Options(exits_on_error=True))
    command = next(each for each in script.commands if each.name == "grep")
    assert sense_of(script, command) is sense
