"""All faults, and the page that lists them."""

from signal import Signals

from tests.support.faults.fault import Fault
from tests.support.faults.of_images import IMAGES, SOURCES
from tests.support.faults.of_places import CACHES, STORES
from tests.support.faults.of_processes import PROCESSES
from tests.support.faults.of_scanners import SCANNERS
from tests.support.faults.of_words import RULES, WORDS

AREAS = {
    "Scanners and their database": SCANNERS,
    "Images": IMAGES,
    "Code of services": SOURCES,
    "Rules and policies": RULES,
    "Waivers, manifests and times": WORDS,
    "Caches": CACHES,
    "Stored audits, histories and outputs": STORES,
    "Processes": PROCESSES,
}
FAULTS = tuple(fault for faults in AREAS.values() for fault in faults)

_MEANINGS = {1: "fail", 2: "error", 3: "incomplete", 70: "not stored", 130: "stopped", 141: "not read"}
_HEAD = f"""\
# What a gate does when something is broken

One small world: an image with a grave advisory that a waiver covers, a service, own rules, an own policy, and
of the day before a stored audit, a history and an attestation. The gate passes there, and without the waiver
it fails. Then one thing is broken, in {len(FAULTS)} ways. For each of them a test holds that

- the gate does not pass: its exit code is the one listed, no attestation is written, and an earlier one is
  withdrawn where the image is judged;
- it names the cause, partly in the words listed, and prints no traceback;
- nothing is lost: the files of the repository are what they were, stored audits can be read, a damaged
  history is kept aside, no finding of the history is gone or closed, nothing is left half written.

Exit code 1 is `fail`, 3 `incomplete`; 2 is an error of configuration or of a place that cannot be written, 70
an audit that could not be stored. Damaged caches and histories cost no answer: they are broken where the gate
fails without a fault, and it has to fail with them as well.

`FLEET_AUDIT_WRITE_SNAPSHOTS=1 pytest tests/e2e/test_gate_faults.py` writes this page; the tests are there and
in `tests/integration/faults`.
"""


def page() -> str:
    """Return the page with a table for each area."""
    return "\n".join([_HEAD, *(_table(area, faults) for area, faults in AREAS.items())])


def _table(area: str, faults: tuple[Fault, ...]) -> str:
    head = (
        f"## {area}\n\n| broken | without it | exit code | it says | gap |\n| --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(map(_row, faults))


def _row(fault: Fault) -> str:
    before = "pass" if fault.is_waived else "fail"
    gap = f"`{fault.gap}`" if fault.gap else ""
    says = f"… {_cell(fault.says)} …" if fault.says else ""
    return f"| {_cell(fault.name)} | {before} | {_ending(fault.code)} | {says} | {gap} |\n"


def _ending(code: int) -> str:
    return f"by {Signals(-code).name}" if code < 0 else f"{code} {_MEANINGS[code]}"


def _cell(text: str) -> str:
    for letter in "\\|*_<[":
        text = text.replace(letter, f"\\{letter}")
    return text
