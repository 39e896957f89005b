"""Records what real scanners say of the small vulnerable image: ``python -m tests.support.record_scanners``.

The answers lie in tests/fixtures/scanners, with the version of who gave them in the file's name. Tests that
start no program read them, and an integration test holds them against the programs.
"""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet_audit.audit.tools.process import run
from tests.support.scanners import TRIVY_VERSION, real_syft, real_trivy
from tests.support.trivy_database import write_trivy_database
from tests.support.vulnerable_image import vulnerable_image

FOLDER = Path(__file__).parents[1] / "fixtures" / "scanners"
SYFT = FOLDER / "syft-1.18.1-vulnerable-image.json"
TRIVY = FOLDER / f"trivy-{TRIVY_VERSION}-vulnerable-image.json"

_SECONDS = 300.0
_IMAGE = "image.tar"
_SYFT = ["scan", f"docker-archive:{_IMAGE}", "--output", "syft-json"]
_TRIVY = (
    f"image --input {_IMAGE} --skip-db-update --skip-java-db-update --offline-scan --scanners vuln "
    "--list-all-pkgs --cache-backend memory --cache-dir cache --format json"
).split()


def record() -> tuple[bytes, bytes]:
    """Return what syft and trivy say, as they wrote it."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        vulnerable_image().write(folder / _IMAGE, "docker-archive")
        write_trivy_database(folder / "cache")
        own = {"SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_FILE_METADATA_SELECTION": "none", "HOME": place}
        environment = {"PATH": os.defpath, **own}
        syft, trivy = (
            run([str(scanner.path), *words], timeout=_SECONDS, env=environment, cwd=folder)
            for scanner, words in ((real_syft(), _SYFT), (real_trivy(), _TRIVY))
        )
    return syft, trivy


def _tidy(answer: bytes) -> str:
    document = json.loads(answer)
    # syft's settings name folders and hosts of the machine; they are no part of what it found.
    document.get("descriptor", {}).pop("configuration", None)
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, answer in zip((SYFT, TRIVY), record(), strict=True):
        file.write_text(_tidy(answer), encoding="utf-8")
