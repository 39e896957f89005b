"""Coverage-guided fuzzing of the audit of a whole repository, with atheris (libFuzzer).

Run ``python -m tests.fuzz.repository_target FOLDER CORPUS -max_total_time=60`` from a checkout; what is
found interesting goes to FOLDER. CORPUS is what ``python -m tests.fuzz.make_repository_corpus CORPUS``
writes: whole repositories, each as one file (see `repository_of`). It ends with an error when something
raises, when an answer cannot be written, or when the same repository is given another answer.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fleet_audit.audit.dockerfiles", "fleet_audit.audit.configuration"]):
    from fleet_audit.audit.dockerfiles.repository import Repository
    from fleet_audit.audit.pipeline.repository.auditing import audit_repository
    from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.model.report import DockerfilesReport
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.renderers import render
from tests.support.repositories import repository_of
from tests.support.trees import tree

_FOLDER = Path(tempfile.mkdtemp(prefix="fleet-audit-fuzz-"))
_OPTIONS = RenderOptions(created="2026-11-20T00:00:00Z", version="0")
_SHARED = Shared(Settings(cache_dir=_FOLDER, created="2026-11-20T00:00:00Z"), None)


def audit(body: bytes) -> None:
    """Audit the repository that a body stands for; raises only what is a fault of the audit."""
    files = repository_of(body)
    if _answer(files) != _answer(files):
        raise AssertionError(files)


def _answer(files: dict[str, str]) -> str:
    grounds = Grounds(Repository(tree(files)), _SHARED)
    report = audit_repository("fuzzed", grounds)
    return "".join(render(DockerfilesReport, [report], name, _OPTIONS) for name in ("text", "json", "sarif"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, audit)
    atheris.Fuzz()
