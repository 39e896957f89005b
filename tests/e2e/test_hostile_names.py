"""Names that were chosen to break what reads or shows them: every format copes, none is fooled."""

import json
import os
import re

import pytest

from tests.support.archives import SmallArchive, stanza
from tests.support.elf import elf
from tests.support.images import Content
from tests.support.worlds import FAMILY, SERVICE, World, installed, opencv, write_archive

NAMES = {
    "control characters": "a\x01\x07\x7f\x85b",
    "a line end": "a\nFAIL\r\nb",
    "colours": "\x1b[31mred\x1b]0;title\x07",
    "bidirectional": "\u202eevil\u2066\u200f",
    "a table cell": "a|b|c",
    "markup": "<script>alert(1)</script> [x](javascript:1) **b** `c`",
    "rich markup": "[red]x[/red][link=http://archive.example]",
    "percent and braces": "%s %n {0} {x.__class__} ${HOME}",
    "quotes": "\"'\\",
    "very long": "x" * 3000,
    "combining": "e" + "\u0301" * 500,
    "wide": "界" * 200,
    "astral": "\U0001f600\U000e0001",
    "separators": "a\u2028b\u2029c",
    "dots": "..",
    "a dash": "-rf",
    "colons": "so:bin:x:1:2",
}
ALL = tuple(NAMES.values())
SITE = "usr/local/lib/python3.11/site-packages"
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
COMMANDS = (["deps", "--all"], ["imports"], ["ldd", FAMILY], ["explain", f"service:{SERVICE}"])


def all_formats(world: World) -> str:
    """Run every command in every format; check that each ends as documented and shows nothing unsafe.

    Returns all that was said.
    """
    said = ""
    for words in COMMANDS:
        formats = ("text", "json") if words[0] == "explain" else ("text", "json", "sarif")
        for name in formats:
            code, out, err = world.say(*words, "-o", name)
            assert code in (0, 1, 3), (words, name, err)
            assert UNSAFE.search(out if name == "text" else err) is None, (words, name)
            if name != "text":
                json.loads(out)
            said += out
    return said


def test_in_file_names_of_an_image(world: World) -> None:
    lost = elf(needed=["libGL.so.1", "libc.so.6"])
    modules = {f"{SITE}/cv2/{name.replace('/', '_')[:200]}.abi3.so": lost for name in ALL}
    world.family(FAMILY, {f"{SITE}/cv2/__init__.py": "from . import x\n", **modules})
    world.service(SERVICE, "import cv2\n")

    all_formats(world)


def test_in_sonames(world: World) -> None:
    world.family(FAMILY, opencv(*ALL)).service(SERVICE, "import cv2\n")

    assert "a|b|c" in all_formats(world)


def test_in_names_that_code_asks_for(world: World) -> None:
    lines = ["import subprocess, ctypes, importlib", "from ctypes.util import find_library"]
    for name in ALL:
        lines += [f"subprocess.run([{name!r}])", f"ctypes.CDLL({name!r})", f"find_library({name!r})"]
        lines += [f"importlib.import_module({name!r})", f"ctypes.CDLL('lib' + {name!r} + '.so')"]
    world.family(FAMILY).service(SERVICE, "\n".join(lines))

    assert "a|b|c" in all_formats(world)


def test_in_metadata_of_distributions_and_packages(world: World) -> None:
    layer: dict[str, Content] = {**opencv("libGL.so.1")}
    status = []
    for number, name in enumerate(ALL):
        info = f"{SITE}/odd{number}-1.0.dist-info"
        layer[f"{info}/METADATA"] = f"Name: {name}\nVersion: {name}\n"
        layer[f"{info}/RECORD"] = f'"{name}",,\ncv2/__init__.py,,\n../../../../../etc/passwd,,\n'
        layer[f"{SITE}/odd{number}.pth"] = f"{name}\nimport os; os.system('x')\n"
        status.append(stanza(name, name, Status="install ok installed", Provides=name, Depends=name))
    layer["var/lib/dpkg/status"] = "\n".join(status)
    layer["etc/apt/sources.list"] = "".join(f"deb {name} {name} {name}\n" for name in ALL)
    layer["etc/os-release"] = f'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="{"".join(ALL)}"\n'
    world.family(FAMILY, layer, config={"Env": [*(f"{name}={name}" for name in ALL), *ALL]})
    world.service(SERVICE, "import cv2\n")

    assert "libGL.so.1" in all_formats(world)


def test_in_names_of_services_and_families(world: World) -> None:
    for number, name in enumerate(ALL):
        world.family(name, opencv("libGL.so.1"), image=world.image(f"images/{number}", opencv("libGL.so.1")))
        world.service(name, "import cv2\n", folder=f"odd{number}", family=name)
    world.family(FAMILY).service(SERVICE)

    assert "libGL.so.1" in all_formats(world)
    for name in ALL:
        assert world.say("deps", "-q", "--", name)[0] == 1, name


def test_on_the_command_line(world: World) -> None:
    world.family(FAMILY).service(SERVICE)

    for name in (name for name in ALL if name != ".."):
        for command in ("deps", "imports", "ldd", "explain"):
            code, out, err = world.say(command, "--", name)
            assert (code, out, "internal error" in err) == (2, "", False), err[:200]
            assert UNSAFE.search(err) is None
        code, out, err = world.say("deps", FAMILY, "--image", f"dir:{name}")
        assert (code, out, "internal error" in err) == (2, "", False), err[:200]


def test_in_file_names_of_the_repository_that_are_not_utf_8(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service(SERVICE, "import cv2\n", entry="")
    folder = os.fsencode(world.folder / "services" / SERVICE)
    for name in (b"\xff\xfe.py", b"a\x1b[31m.py", b"a\nb.py", "\u202e.py".encode(), b"bad|name.py"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("import cv2\nimport nobody\ndef (:\n")

    assert "libGL.so.1" in all_formats(world)


def test_in_packages_of_the_archive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {f"usr/lib/x86_64-linux-gnu/{n}": f"libs/{n}" for n in ALL if "\n" not in n and "/" not in n}
    archive = SmallArchive("file:///").suite(
        "bookworm",
        stanza("libgl1", "1.0\x1b[31m|<b>", Depends="a b c | | , (>= ) [x] <y>, " * 50),
        *(stanza(n.replace("\n", " "), "1:2:3-4-5", Depends=n.replace("\n", " ")) for n in ALL),
        contents={"usr/lib/x86_64-linux-gnu/libGL.so.1": "libs/libgl1,\x1b[31m", **rows},
    )
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", write_archive(archive, world.folder.parent / "odd"))
    world.family(FAMILY, opencv("libGL.so.1", "a|b|c")).service(SERVICE, "import cv2\n")

    all_formats(world)


def test_an_extension_module_of_any_name_is_told_apart(world: World) -> None:
    odd = installed(
        "odd", {"odd/__init__.py": "from . import _c\n", "odd/_c.abi3.so": elf(needed=["libx\n.so"])}
    )
    world.family(FAMILY, odd).service(SERVICE, "import odd\n")

    assert any(name.startswith("libx") for name in world.run("deps", FAMILY).needs)
