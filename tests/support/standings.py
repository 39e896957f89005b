"""Says how the images of a small repository stand."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, makings
from fleet_audit.audit.dockerfiles.standards.images import made_images
from fleet_audit.audit.dockerfiles.standards.standing import BuiltImage, Ground, KnownBase, standing
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, Setting
from fleet_audit.audit.model.standards import Observed, Standing
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared

RecordT = TypeVar("RecordT", bound=Standing)

PYTHON = RunConfiguration(
    user=Setting("root"),
    cmd=CommandLine(("python3",)),
    working_dir=Setting("/"),
    lowest="python:3.11-slim",
)
"""What ``python:3.11-slim`` would run; of no other image anything is known."""

MANIFEST = """\
version: 1
fleet: small
defaults: {user: '10001:10001', init: tini, health_path: /health}
families: {base: {dockerfiles: [base/Dockerfile], platforms: [linux/amd64], size_budget_mb: 1}}
services:
  - {name: web, family: base, dockerfiles: [Dockerfile], ports: {svc: 7200, health: 8200}}
"""


def standings(
    folder: Path,
    files: Mapping[str, str],
    *,
    manifest: str = MANIFEST,
    built: BuiltImage | None = None,
    carried: tuple[str, ...] = (),
) -> list[Observed]:
    """Return how the images of a repository with these files stand; `built` is what became of each.

    `carried` are programs of the image below that only a build needs.
    """
    for name, text in {**files, **({"fleet.yaml": manifest} if manifest else {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    fleet = load_fleet(folder / "fleet.yaml") if manifest else None
    repository = Repository(open_folder(folder))
    settings = Settings(cache_dir=folder / ".cache", created="2026-11-20T00:00:00Z")
    every = Grounds(repository, Shared(settings, fleet)).builds
    bases = Bases(repository, makings(every, fleet), lambda name: PYTHON if name == PYTHON.lowest else None)
    known = {PYTHON.lowest: KnownBase(lacks=("curl", "nc", "wget"), carries=carried)}
    ground = Ground(repository, bases, fleet, lambda name: known.get(name, KnownBase()))
    return [each for image in made_images(every, fleet, bases) for each in standing(image, ground, built)]


def records(observed: list[Observed], kind: type[RecordT]) -> list[RecordT]:
    """Return the records of one kind."""
    return [each.standing for each in observed if isinstance(each.standing, kind)]
