"""No audit that is stored gives away what an image keeps secret."""

import pytest

from tests.support.worlds import FAMILY, World

HIDDEN = "0123456789abcdef"


def test_an_audit_that_is_stored_has_no_secret_of_the_image(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_SYFT", "/nonexistent/syft")
    config = {
        "Env": [f"API_TOKEN={HIDDEN}"],
        "Labels": {"token": HIDDEN},
        "Cmd": ["serve", "--token", HIDDEN],
    }
    world.family(FAMILY, {"opt/x": ""}, config=config).service("face")

    world.say("gate", FAMILY, "--audits", "audits", "--offline")

    (stored,) = (world.folder / "audits").rglob("*.json")
    text = stored.read_text(encoding="utf-8")
    assert '"sha256:' in text
    assert HIDDEN not in text
