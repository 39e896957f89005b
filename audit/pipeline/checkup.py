"""Which libraries, engines, archives and caches an installation has: the answer of ``doctor``."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fleet_audit.audit.model.doctor import CacheState, DoctorReport, Part
from fleet_audit.audit.pipeline.run.pulling import PULLED
from fleet_audit.audit.pipeline.run.scene import LAYER_FACTS
from fleet_audit.audit.pipeline.run.settings import CONFIGURATION, Settings
from fleet_audit.audit.pipeline.run.shared import (
    ANSWERS,
    ARCHIVES,
    COPIES,
    DOWNLOADS,
    SCANNERS,
    SOURCE_RECORDS,
    Shared,
)
from fleet_audit.audit.pipeline.scanners.scanning import SCANS
from fleet_audit.audit.tools import gpgv, syft, trivy
from fleet_audit.audit.tools.connections import without_credentials
from fleet_audit.audit.tools.enclosure import NotEnclosed, find_enclosure
from fleet_audit.audit.tools.engine import docker_address, podman_address
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.gpgv import find_gpgv
from fleet_audit.audit.tools.hadolint import ADVICE, NAME, find_hadolint
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.registry_credentials import credential_files
from fleet_audit.audit.tools.scanner import Scanner

_LIBRARIES = {
    "isal": "layers are inflated by zlib, more slowly; pip install isal",
    "zstandard": "layers compressed with zstd cannot be read; pip install zstandard",
    "libcst": "sources cannot be parsed; reinstall fleet-audit",
    "pyelftools": "unusual ELF files cannot be read; reinstall fleet-audit",
    "cel-expr-python": "rules cannot be evaluated; reinstall fleet-audit",
    "protobuf": "rules cannot be evaluated; reinstall fleet-audit",
}
_CACHES = (
    *(LAYER_FACTS, SOURCE_RECORDS, ARCHIVES, DOWNLOADS, CONFIGURATION),
    *(ANSWERS, SCANNERS, SCANS, PULLED, COPIES),
)

_DATABASE = "trivy's database"
_FRESH_DAYS = 7
"""Advisories are published every day: after a week, what a scanner does not find says little."""


def checkup(settings: Settings, own_version: str) -> DoctorReport:
    """Look at this installation and machine; no connection is made.

    Nothing is started but the scanners, where it is not known yet which versions they are, and a trial of the
    namespaces in which ``deps --verify`` would run an image's programs.
    """
    return DoctorReport(
        version=own_version,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries=tuple(_library(name, advice) for name, advice in _LIBRARIES.items()),
        engines=(
            *_engines(os.environ),
            _logins(os.environ),
            _hadolint(os.environ),
            _gpgv(os.environ),
            _copies(settings, os.environ),
        ),
        scanners=tuple(_scanners(settings, os.environ)),
        archives=tuple(_archives(settings)),
        caches=tuple(_cache(name, settings.cache_dir / name) for name in _CACHES),
    )


def _library(name: str, advice: str) -> Part:
    try:
        return Part(name, is_present=True, detail=version(name))
    except PackageNotFoundError:
        return Part(name, is_present=False, detail="not installed", advice=advice)


def _engines(environment: Mapping[str, str]) -> Iterator[Part]:
    for name, address in (("docker", docker_address(environment)), ("podman", podman_address(environment))):
        scheme, _, place = address.partition("://")
        is_present = scheme != "unix" or Path(place).exists()
        advice = "" if is_present else f"start {name}, or save the image to a file and name that"
        yield Part(name, is_present=is_present, detail=address, advice=advice)


def _logins(environment: Mapping[str, str]) -> Part:
    """Name the files that may hold credentials for registries; what they hold is not looked at."""
    files = [str(path) for path in credential_files(environment) if os.path.isfile(path)]
    detail = f"credentials in {', '.join(files)}" if files else "no file of credentials"
    advice = "" if files else "registry: images that not everybody may pull want one: docker login HOST"
    return Part("registries", is_present=bool(files), detail=detail, advice=advice)


def _hadolint(environment: Mapping[str, str]) -> Part:
    found = find_hadolint(environment)
    detail = "not installed" if found is None else str(found)
    advice = f"dockerfiles --hadolint asks it: {ADVICE}" if found is None else ""
    return Part(NAME, is_present=found is not None, detail=detail, advice=advice)


def _gpgv(environment: Mapping[str, str]) -> Part:
    found = find_gpgv(environment)
    detail = "not installed" if found is None else str(found)
    advice = f"signatures of package archives are not checked; {gpgv.ADVICE}" if found is None else ""
    return Part(gpgv.NAME, is_present=found is not None, detail=detail, advice=advice)


def _scanners(settings: Settings, environment: Mapping[str, str]) -> Iterator[Part]:
    versions = FolderStore(settings.cache_dir / SCANNERS)
    for name, find, advice in (
        (syft.NAME, syft.find_syft, f"sbom asks it: {syft.ADVICE}"),
        (trivy.NAME, trivy.find_trivy, f"vulns asks it: {trivy.ADVICE}"),
    ):
        yield _scanner(name, partial(find, environment, versions=versions), advice)
    yield _database(trivy.cache_folder(environment), datetime.fromisoformat(settings.created))


def _scanner(name: str, find: Callable[[], Scanner | None], advice: str) -> Part:
    try:
        found = find()
    except ToolError as e:
        return Part(name, is_present=False, detail="cannot be used", advice=str(e))
    if found is None:
        return Part(name, is_present=False, detail="not installed", advice=advice)
    return Part(name, is_present=True, detail=f"{found.version} ({found.path})")


def _database(folder: Path, now: datetime) -> Part:
    try:
        state = trivy.database(folder)
    except ToolError as e:
        return Part(_DATABASE, is_present=False, detail="cannot be used", advice=str(e))
    days = max((now - state.updated_at).days, 0)
    age = "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
    advice = f"it is old: {trivy.DATABASE_ADVICE}" if days > _FRESH_DAYS else ""
    made = state.updated_at.date().isoformat()
    return Part(_DATABASE, is_present=True, detail=f"made {made}, {age} ({folder})", advice=advice)


def _copies(settings: Settings, environment: Mapping[str, str]) -> Part:
    name = "throw-away copies"
    try:
        how = find_enclosure(settings.cache_dir / COPIES, environment).how
    except NotEnclosed as e:
        return Part(name, is_present=False, detail="not possible", advice=f"for deps --verify: {e}")
    return Part(name, is_present=True, detail=f"by {how}, for deps --verify")


def _archives(settings: Settings) -> Iterator[Part]:
    if settings.archives:
        places = " ".join(without_credentials(address) for address in settings.archives)
        yield Part("package archive", is_present=True, detail=places)
        return
    sources = Shared(settings).machine_sources
    places = ", ".join(sorted({source.place for source in sources}))
    advice = "the image's own sources are used first, and Debian's snapshot service last"
    yield Part(
        "package archive", is_present=bool(sources), detail=places or "none configured here", advice=advice
    )


def _cache(name: str, folder: Path) -> CacheState:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return CacheState(name, str(folder), len(sizes), sum(sizes))
