"""What a parent and a child miss is written into both Dockerfiles; built anew, neither misses anything."""

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from platformdirs import user_cache_path

from examples.fleet.builder import recipes
from examples.fleet.builder.archive import Archive, sources_for
from examples.fleet.builder.build import Additions, Builder, plan
from examples.fleet.builder.layers import Compression
from examples.fleet.builder.oci import Layout
from examples.fleet.builder.recipes import Apt
from fleet_audit.audit.tools.fetch import Fetcher
from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.example_images import FLEET, example_layout

pytestmark = pytest.mark.integration

PARENT, CHILD = "base-gpu-cu121", "family-vision-cu121"
SERVICE = f"""
  - name: DisplayWatcher
    family: {PARENT}
    entry: services/display_watcher/app.py
    source_paths: [services/display_watcher]
"""
SECONDS = 300
CONFLICT = re.compile(r"^<<<<<<< .*?\n(.*?)^=======\n.*?^>>>>>>> .*?\n", re.DOTALL | re.MULTILINE)


def deps(manifest: Path, *words: str) -> dict[str, Any]:
    """Return the document of `deps`."""
    document = manifest.parent / "deps.json"
    command = [sys.executable, "-m", "fleet_audit", "deps", *words, "-f", str(manifest)]
    # What is missing makes the command fail; without a document, reading it does.
    with suppress(ToolFailed):
        run([*command, "-o", f"json={document}"], timeout=SECONDS, env=os.environ)
    found: dict[str, Any] = json.loads(document.read_bytes())
    return found


def fleet(folder: Path, layout: Path) -> Path:
    """Copy the example, with one more service, which runs on the parent and opens a library."""
    shutil.copytree(FLEET, folder, ignore=shutil.ignore_patterns("build", "builder", "__pycache__"))
    app = folder / "services" / "display_watcher" / "app.py"
    app.parent.mkdir()
    app.write_text('import ctypes\n\nctypes.CDLL("libGL.so.1")\n')
    scenes = folder / "services" / "dream_world" / "scenes.py"
    scenes.write_text(CONFLICT.sub(r"\1", scenes.read_text()))
    manifest = folder / "fleet.yaml"
    text = manifest.read_text().replace("oci:build/images:", f"oci:{layout}:")
    manifest.write_text(text + SERVICE)
    return manifest


def with_step(name: str, roots: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipes.RECIPES[name]
    amended = msgspec.structs.replace(recipe, steps=(*recipe.steps, Apt(tuple(roots))))
    monkeypatch.setitem(recipes.RECIPES, name, amended)


def built_anew(layout: Path, tags: dict[str, str]) -> None:
    """Build families as their amended recipes say, each under a tag."""
    cache = user_cache_path("fleet-audit-example")
    archive = Archive(sources_for(""), Fetcher(cache / "debian"))
    into = Layout(layout)
    builder = Builder(into, archive, cache, Compression.GZIP, say=print)
    with into.locked():
        for family, tag in tags.items():
            planned = plan(tag, family, archive, Additions())
            if not builder.is_built(planned, "unknown"):
                builder.build(planned, "unknown")


def test_both_dockerfiles_are_written_and_then_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = example_layout(PARENT, CHILD)
    manifest = fleet(tmp_path / "fleet", layout)

    before = deps(manifest, CHILD, "--write")["proposal"]

    below, own = before["shares"]
    assert (below["family"], below["needs"]["so:libGL.so.1"]) == (PARENT, below["roots"])
    assert (own["family"], own["roots"]) == (CHILD, before["roots"])
    assert not {*below["roots"]} & {*own["roots"]}
    for name, roots in ((PARENT, below["roots"]), (CHILD, own["roots"])):
        text = (manifest.parent / "docker" / name / "Dockerfile").read_text()
        assert all(root in text for root in roots)
        with_step(name, roots, monkeypatch)
    tags = {name: f"{name}-together" for name in (PARENT, CHILD)}
    built_anew(layout, tags)
    text = manifest.read_text()
    for name, tag in tags.items():
        text = text.replace(f"oci:{layout}:{name}\n", f"oci:{layout}:{tag}\n")
    manifest.write_text(text)

    after = deps(manifest, PARENT, CHILD, "--write")["subjects"]

    assert [each["proposal"]["packages"] for each in after] == [[], []]
    assert [each["proposal"]["shares"] for each in after] == [[], []]
    missing = [n["name"] for each in after for n in each["needs"] if n["status"] == "missing"]
    required = [n["name"] for each in after for n in each["needs"] if n["tier"] == "required"]
    assert not {*missing} & {*required}
