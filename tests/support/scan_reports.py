"""What trivy would say of a few packages, as its JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.scanner_programs import trivy_that

Packages = Mapping[str, tuple[str, str]]
"""By name, the version and the source package; an empty source stands for a distribution of PyPI."""


def scan_report(
    packages: Packages, advisories: Mapping[str, list[dict[str, Any]]], *, has_ended: bool = False
) -> str:
    """Return the report on these packages; `advisories` are, by package, what trivy has of each beside it.

    `has_ended` where the release gets no more security updates.
    """
    kinds = (("os-pkgs", "debian", True), ("lang-pkgs", "python-pkg", False))
    results = [
        {
            "Target": kind,
            "Class": class_,
            "Type": kind,
            "Packages": [
                _package(name, packages) for name in packages if bool(packages[name][1]) is of_system
            ],
            "Vulnerabilities": [
                {
                    "PkgName": name,
                    "InstalledVersion": packages[name][0],
                    "PkgIdentifier": _identifier(name, packages),
                    **advisory,
                }
                for name in packages
                if bool(packages[name][1]) is of_system
                for advisory in advisories.get(name, [])
            ],
        }
        for class_, kind, of_system in kinds
    ]
    system = {"Family": "debian", "Name": "12", "EOSL": has_ended}
    return json.dumps(
        {
            "SchemaVersion": 2,
            "ArtifactName": "image",
            "ArtifactType": "container_image",
            "Metadata": {"OS": system},
            "Results": results,
        }
    )


def trivy_saying(folder: Path, report: str) -> Path:
    """Return a program that answers every scan with this report."""
    folder.mkdir(parents=True, exist_ok=True)
    answer = folder / "answer.json"
    answer.write_text(report, encoding="utf-8")
    return trivy_that(folder, f"cat '{answer}' > \"$OUT\"")


def _package(name: str, packages: Packages) -> dict[str, Any]:
    version, source = packages[name]
    return {"Name": name, "Version": version, "SrcName": source, "Identifier": _identifier(name, packages)}


def _identifier(name: str, packages: Packages) -> dict[str, str]:
    version, source = packages[name]
    kind, end = ("deb/debian", "?arch=amd64") if source else ("pypi", "")
    return {"PURL": f"pkg:{kind}/{name}@{version}{end}", "UID": f"{kind}-{name}"}
