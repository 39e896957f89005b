"""Where the Pythons of three Debian releases find modules, and where they are found without them."""

import os

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from fleet_audit.audit.tools.process import run
from tests.support.resolution import Found, answer, question
from tests.support.roots import root_with_wheels

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/root"}


@pytest.mark.parametrize(("suite", "minor"), [("bullseye", 9), ("bookworm", 11), ("trixie", 13)])
def test_every_module_of_a_release_is_found_where_its_python_finds_it(suite: str, minor: int) -> None:
    root = root_with_wheels(suite)
    inside = [
        "/usr/sbin/chroot",
        str(root.place),
        "/usr/bin/env",
        "-i",
        *(f"{n}={v}" for n, v in ENV.items()),
    ]
    really = answer(run([*inside, root.python, *question()], timeout=120, env=ENV).decode())
    image = open_folder(root.place)
    interpreter = find_interpreter(image, ImageConfig(env=ENV))
    assert interpreter is not None
    assert interpreter.version[:2] == (3, minor)
    assert ["", *interpreter.search_path] == really.path
    assert len(really.modules) > 3_000
    assert Found(interpreter, image).differences(really.modules) == []
