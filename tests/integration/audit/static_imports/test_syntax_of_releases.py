"""What the Pythons of three Debian releases refuse to compile, and what is said of it without them."""

import base64
import json
import os

import pytest

from fleet_audit.audit.static_imports.source.lexer import decode, lex
from fleet_audit.audit.static_imports.source.syntax import Judge
from fleet_audit.audit.tools.process import run
from tests.support.roots import root_with_wheels
from tests.support.syntax_samples import ENCODED, SAMPLES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

RELEASES = [("bullseye", 9), ("bookworm", 11), ("trixie", 13)]
TEXTS = {
    **{name: text.encode() for name, (_, text) in SAMPLES.items()},
    **{name: body for name, (_, body) in ENCODED.items()},
}
COMPILES = """
import base64, json, sys, warnings
warnings.simplefilter("ignore")
refused = []
for name, text in json.loads(sys.argv[1]).items():
    try:
        compile(base64.b64decode(text), name, "exec")
    except (SyntaxError, ValueError):
        refused.append(name)
print(json.dumps(refused))
"""


def refused_inside(suite: str) -> set[str]:
    """Ask the Python of a release which of the texts it refuses."""
    root = root_with_wheels(suite)
    given = json.dumps({name: base64.b64encode(body).decode() for name, body in TEXTS.items()})
    argv = ["/usr/sbin/chroot", str(root.place), root.python, "-I", "-c", COMPILES, given]
    return set(json.loads(run(argv, timeout=120, env={"PATH": "/usr/bin:/bin"})))


@pytest.mark.parametrize(("suite", "minor"), RELEASES)
def test_a_text_is_a_fault_where_the_python_of_a_release_refuses_it(suite: str, minor: int) -> None:
    with Judge() as judge:
        faults = {
            name
            for name, body in TEXTS.items()
            if judge.judge(body, lex(decode(body)), (3, minor)).fault is not None
        }

    assert faults == refused_inside(suite)
