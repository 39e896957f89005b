"""Which images there are, and what each adds to its parent, as its Dockerfile says it."""

from typing import Any

import msgspec

from examples.fleet.builder.failure import BuildError


class Bootstrap(msgspec.Struct, frozen=True):
    """Debian's Essential and required packages, and apt."""


class Apt(msgspec.Struct, frozen=True):
    """Packages of the archive, with their dependencies."""

    packages: tuple[str, ...]


class Wheels(msgspec.Struct, frozen=True):
    """The wheels of a list, as far as the parent has not got them."""

    lock: str


class Slim(msgspec.Struct, frozen=True):
    """Files to remove, and folders to empty."""

    remove: tuple[str, ...]
    empty: tuple[str, ...]


class AddUser(msgspec.Struct, frozen=True):
    """The user that services run as."""

    name: str
    number: int


Step = Bootstrap | Apt | Wheels | Slim | AddUser


class Recipe(msgspec.Struct, frozen=True):
    """One image: its steps on top of `parent`, and what its configuration says beyond the parent's.

    A variant is an image that is no family of the manifest; `variant_of` names the family it stands for.
    """

    name: str
    parent: str | None
    steps: tuple[Step, ...]
    env: tuple[str, ...] = ()
    has_healthcheck: bool = False
    variant_of: str | None = None
    needs_cuda_wheels: bool = False


_RECIPES = (
    Recipe(
        "base-python",
        None,
        (
            Bootstrap(),
            Apt(("ca-certificates", "python3", "python3-distutils", "tini")),
            Slim(remove=("usr/lib/python3.11/EXTERNALLY-MANAGED",), empty=("usr/share/man",)),
            AddUser("appuser", 10001),
        ),
        env=("PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"),
    ),
    Recipe("base-utils", "base-python", (Apt(("curl", "jq", "procps")),)),
    Recipe("base-cpu-pydeps", "base-utils", (Wheels("base-cpu-pydeps"),), has_healthcheck=True),
    Recipe("family-web", "base-cpu-pydeps", (Wheels("family-web"),), has_healthcheck=True),
    Recipe(
        "base-gpu-cu121",
        "base-utils",
        (Wheels("base-gpu-cu121"),),
        env=("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
        has_healthcheck=True,
    ),
    Recipe("family-torch-cu121", "base-gpu-cu121", (Wheels("family-torch-cu121"),), has_healthcheck=True),
    Recipe("family-vision-cu121", "base-gpu-cu121", (Wheels("family-vision-cu121"),), has_healthcheck=True),
    Recipe(
        "family-vision-cu121-headless",
        "base-gpu-cu121",
        (Wheels("family-vision-cu121-headless"),),
        has_healthcheck=True,
        variant_of="family-vision-cu121",
    ),
    Recipe(
        "family-vision-cu121-mediapipe",
        "family-vision-cu121",
        (Wheels("family-vision-cu121-mediapipe"),),
        has_healthcheck=True,
        variant_of="family-vision-cu121",
    ),
    Recipe(
        "family-torch-cu121-cuda",
        "family-torch-cu121",
        (Wheels("family-torch-cu121-cuda"),),
        has_healthcheck=True,
        variant_of="family-torch-cu121",
        needs_cuda_wheels=True,
    ),
)

RECIPES = {recipe.name: recipe for recipe in _RECIPES}

DEMO = ("family-vision-cu121", "family-torch-cu121")


def chain(name: str) -> list[Recipe]:
    """Return the recipes from the first ancestor to `name`. Raises BuildError for an unknown one."""
    if name not in RECIPES:
        raise BuildError(name, f"no such image; there are: {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    return [*(chain(recipe.parent) if recipe.parent else []), recipe]


def configuration(recipes: list[Recipe], revision: str) -> dict[str, Any]:
    """Return the image configuration of the last recipe, as its Dockerfile and its parents' say it."""
    last = recipes[-1]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    config: dict[str, Any] = {
        "User": "10001:10001",
        "Env": [f"PATH={path}", *(line for recipe in recipes for line in recipe.env)],
        "Entrypoint": ["/usr/bin/tini", "--"],
        "Cmd": ["python3"],
        "WorkingDir": "/",
        "Labels": {
            "com.acme.family": last.variant_of or last.name,
            "org.opencontainers.image.revision": revision,
        },
    }
    if last.has_healthcheck:
        config["Healthcheck"] = {
            "Test": ["CMD", "python3", "-c", HEALTH],
            "Interval": 30_000_000_000,
            "Timeout": 3_000_000_000,
            "Retries": 3,
        }
    return config


HEALTH = (
    "import os, urllib.request as u; "
    "u.urlopen(f'http://127.0.0.1:{os.environ[\"SVC_PORT\"]}/health', timeout=2)"
)
