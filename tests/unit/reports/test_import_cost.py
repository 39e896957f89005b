"""What is slow to import is imported by what needs it, when it needs it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("fleet_audit.reports.renderers", "rich"),
        ("fleet_audit.reports.lifecycle_tables", "pandas"),
        ("fleet_audit.audit.history.trend", "pandas"),
        ("fleet_audit.audit.policy.evaluation", "cel_expr_python"),
        ("fleet_audit.audit.policy.loading", "google.protobuf"),
        ("fleet_audit.audit.fleet.manifest", "jsonschema_rs"),
        ("fleet_audit.audit.knowledge.base", "yaml"),
    ],
)
def test_a_module_does_not_bring_what_only_its_use_needs(module: str, heavy: str) -> None:
    code = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)  # noqa: S603  (our own interpreter and code)

    assert done.returncode == 0
