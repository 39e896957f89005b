"""The example's parts agree: manifest, Dockerfiles, recipes and services."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from examples.fleet.builder.recipes import DEMO, RECIPES, Apt, Wheels
from examples.fleet.builder.wheel_locks import locked

FLEET = Path(__file__).parents[3] / "examples" / "fleet"
MANIFEST: dict[str, Any] = yaml.safe_load((FLEET / "fleet.yaml").read_text(encoding="utf-8"))
FAMILIES: dict[str, dict[str, Any]] = MANIFEST["families"]
SERVICES: list[dict[str, Any]] = MANIFEST["services"]

PROVIDES = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "jinja2": "jinja2",
    "opentelemetry": "opentelemetry-api",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def dockerfile(family: str) -> str:
    return (FLEET / "docker" / family / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_nine_families_and_a_dozen_services_on_two_machines() -> None:
    assert len(FAMILIES) == 9
    assert len(SERVICES) >= 12
    assert set(MANIFEST["machines"]) == {"mainpc", "pc2"}


def test_every_path_of_the_manifest_is_there() -> None:
    paths = [path for family in FAMILIES.values() for path in family["dockerfiles"]]
    for service in SERVICES:
        paths += service["source_paths"] + service["dockerfiles"] + service["requirements"]

    assert [path for path in paths if not (FLEET / path).exists()] == []


def test_families_with_an_image_are_those_that_can_be_built() -> None:
    built = {name for name, recipe in RECIPES.items() if recipe.variant_of is None}

    assert {name for name, family in FAMILIES.items() if "image" in family} == built
    assert set(DEMO) <= built
    for name in built:
        assert FAMILIES[name]["image"] == f"oci:build/images:{name}"
        assert FAMILIES[name]["parent"] == RECIPES[name].parent


def test_a_recipe_installs_what_its_familys_dockerfile_installs() -> None:
    for name, recipe in RECIPES.items():
        if recipe.variant_of is not None:
            continue
        final_stage = dockerfile(name).rpartition("\nFROM ")[2]
        installs = re.findall(r"apt-get install ([^&\n]*)", final_stage)
        pinned = re.findall(r"\s([a-z0-9.+-]+)=[0-9]", " ".join(installs))
        assert tuple(pinned) == tuple(p for s in recipe.steps if isinstance(s, Apt) for p in s.packages), name
        for step in recipe.steps:
            if isinstance(step, Wheels):
                assert f"builder/wheels/{step.lock}.txt" in final_stage


def test_a_dockerfile_builds_on_the_parent_that_the_manifest_names() -> None:
    for name, family in FAMILIES.items():
        final_stage = dockerfile(name).rpartition("\nFROM ")[2]
        base = final_stage.split()[0]
        assert (f"/{family['parent']}:" in base) if family["parent"] else (base == family["upstream"])


def test_every_container_ends_as_a_plain_user() -> None:
    for path in FLEET.rglob("Dockerfile"):
        users = re.findall(r"^USER (\S+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert users[-1] == "10001:10001", path


def test_exactly_one_file_does_not_parse_and_a_built_service_reaches_it() -> None:
    broken = [path.relative_to(FLEET) for path in _sources() if _tree(path) is None]

    assert [str(path) for path in broken] == ["services/dream_world/scenes.py"]
    assert "\nfrom scenes import " in (FLEET / "services/dream_world/app.py").read_text(encoding="utf-8")


def test_what_services_import_at_module_level_is_in_their_familys_wheels() -> None:
    for service in SERVICES:
        if service["family"] not in RECIPES:
            continue
        provided = _wheels(service["family"])
        folders = [FLEET / path for path in (*service["source_paths"], "common")]
        for path in (path for folder in folders for path in folder.rglob("*.py")):
            for module in _module_level_imports(path):
                assert PROVIDES.get(module, module.replace("_", "-")) in provided, (path, module)


def _wheels(family: str) -> set[str]:
    found: set[str] = set()
    at: str | None = family
    while at is not None:
        recipe = RECIPES[at]
        found |= {w.name for s in recipe.steps if isinstance(s, Wheels) for w in locked(s.lock)}
        at = recipe.parent
    return found


def _sources() -> Iterator[Path]:
    for folder in ("services", "common"):
        yield from sorted((FLEET / folder).rglob("*.py"))


def _tree(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return None


def _module_level_imports(path: Path) -> Iterator[str]:
    tree = _tree(path)
    own = {p.stem for p in path.parent.iterdir()} | {"common", "services", "stages"}
    for node in tree.body if tree else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in own:
                yield top
