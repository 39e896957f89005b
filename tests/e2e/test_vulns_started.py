"""What is started by name, and not imported, is not called unreached by ``vulns``."""

from typing import Any

import pytest

from tests.support.dpkg_layers import Installed, dpkg_layer, library
from tests.support.images import Content
from tests.support.pythons import SITE
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, World, extension, installed

GUNICORN, H11, WEBP = "gunicorn", "h11", "libwebp7"
QUIET = "import os\n"
AFFECTED = {GUNICORN: ("20.0", ""), H11: ("1.0", ""), WEBP: ("1.0", "libwebp"), "libc6": ("1.0", "glibc")}


def _server() -> dict[str, Content]:
    """Return gunicorn, its command, and h11, which it requires and which loads a library of the system."""
    info, bin_ = f"{GUNICORN}-20.0.dist-info", "../../../bin"
    files: dict[str, Content] = {
        "gunicorn/__init__.py": "",
        "gunicorn/__main__.py": "",
        "gunicorn/workers.py": "",
        f"{info}/entry_points.txt": "[console_scripts]\ngunicorn = gunicorn.app:run\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {GUNICORN}\nVersion: 20.0\nRequires-Dist: {H11}\n",
    }
    recorded = "".join(f"{name},,\n" for name in (*files, f"{bin_}/gunicorn", f"{info}/RECORD"))
    shim = "#!/usr/local/bin/python3.11\nimport sys\nfrom gunicorn.app import run\nsys.exit(run())\n"
    return {
        **{f"{SITE[1:]}/{name}": body for name, body in files.items()},
        f"{SITE[1:]}/{info}/RECORD": recorded,
        "usr/local/bin/gunicorn": shim,
        **installed(H11, {"h11/__init__.py": "", "h11/fast.abi3.so": extension("fast", "libwebp.so.7")}),
    }


def _reach(world: World, code: str, *, config: dict[str, Any] | None = None, script: str = "") -> Any:
    scripts: dict[str, Content] = {"usr/local/bin/start.sh": script} if script else {}
    webp = Installed(WEBP, files=library("libwebp.so.7"))
    world.family(FAMILY, dpkg_layer(webp), {**_server(), **scripts}, config=config).service(SERVICE, code)
    found = {
        name: [{"VulnerabilityID": "CVE-2030-1", "Status": "affected"}] for name in (GUNICORN, H11, WEBP)
    }
    place = world.folder.parent
    trivy = trivy_saying(place / "bin", scan_report(AFFECTED, found))
    caches = write_trivy_database(place / "trivy", made=MADE)
    answer = world.run("vulns", FAMILY, "--trivy", str(trivy), "--db", str(caches), "-o", "text")
    return {each["package"]: each for each in answer.document["advisories"]}


@pytest.mark.parametrize(
    ("config", "script", "code", "why"),
    [
        ({"Entrypoint": ["gunicorn", "app:app"]}, "", QUIET, "the image's ENTRYPOINT names gunicorn"),
        ({"Cmd": ["python3.11", "-m", "gunicorn"]}, "", QUIET, "the image's CMD names gunicorn"),
        ({"Cmd": ["serve", "-k", "gunicorn.workers.Sync"]}, "", QUIET, "CMD names gunicorn.workers.Sync"),
        (None, "#!/bin/sh\nexec gunicorn app:app\n", QUIET, "/usr/local/bin/start.sh names gunicorn"),
        (
            None,
            "",
            "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'gunicorn'])\n",
            "services/face/app.py names gunicorn",
        ),
        (None, "", "import runpy\nrunpy.run_module('gunicorn')\n", "services/face/app.py names gunicorn"),
    ],
)
def test_a_distribution_that_is_started_by_name_is_not_called_unreached(
    world: World, config: dict[str, Any] | None, script: str, code: str, why: str
) -> None:
    found = _reach(world, code, config=config, script=script)

    assert {each["reach"] for each in found.values()} == {"unknown"}
    assert why in found[GUNICORN]["why_unknown"]
    assert found[H11]["why_unknown"] == "gunicorn, which is started as a program, requires it"
    assert "h11/fast.abi3.so needs it" in found["libwebp"]["why_unknown"]


def test_a_distribution_whose_program_a_service_starts_is_reached(world: World) -> None:
    found = _reach(world, "import subprocess\nsubprocess.run(['gunicorn', 'app:app'])\n")

    (way,) = found[GUNICORN]["reached_by"]
    assert (found[GUNICORN]["reach"], way["location"]["line"]) == ("reached", 2)
    assert found[H11]["reach"] == "unknown"


@pytest.mark.parametrize(
    ("config", "script"),
    [
        (None, ""),
        ({"Cmd": ["python3.11", "gunicorn.conf"]}, ""),
        (None, "#!/bin/sh\n# -m json.tool shows it\nexec python3.11 app.py\n"),
    ],
)
def test_a_distribution_that_nothing_starts_is_unreached(
    world: World, config: dict[str, Any] | None, script: str
) -> None:
    found = _reach(world, QUIET, config=config, script=script)

    assert {name: each["reach"] for name, each in found.items()} == dict.fromkeys(
        (GUNICORN, H11, "libwebp"), "unreached"
    )
