"""What the trend of a long history costs: `python -m benchmarks.gate.trend`.

Makes a history of 200,000 lifecycles in 70 images over 142 days once, and takes its trend of 90 days. Prints
the least CPU seconds (user and system) of some runs: of opening and checking the file, of reading it, of the
counting, each in a new process that has imported pandas; and of the whole command. Fails where the first
three take a second or more together.
"""

import gc
import json
import random
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from fleet_audit.audit.history.store import History
from fleet_audit.audit.history.trend import trend
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import Change, Lifecycle, LifecycleState, PastAudit

LIFECYCLES, IMAGES, DAYS, SPAN = 200_000, 70, 90, 142
PROMISED_SECONDS = 1.0
ROUNDS = 5
FIRST = datetime(2026, 7, 1, 6, tzinfo=UTC)
PARTS = ("open and check", "read", "count")


def day(number: int) -> str:
    """Return the time of a day's audits."""
    return (FIRST + timedelta(days=number)).isoformat().replace("+00:00", "Z")


def lifecycle(number: int, chance: random.Random) -> Lifecycle:
    """Return a finding that comes on some day; of ten, six are closed, and one of those comes back."""
    begin, severity = chance.randrange(SPAN - 12), chance.choice(list(Severity))
    changes, last = [Change(day(begin), LifecycleState.OPEN, severity)], SPAN
    if chance.random() < 0.6:
        end = begin + chance.randrange(1, 12)
        changes.append(Change(day(end), LifecycleState.CLOSED, severity))
        last = end - 1
        if chance.random() < 0.1:
            changes.append(Change(day(end + 1), LifecycleState.OPEN, severity))
            last = SPAN
    return Lifecycle(
        image=f"family-{number % IMAGES}",
        fingerprint=f"{number:032x}",
        rule="FA-VULN-001",
        subject=f"vuln:CVE-2026-{number}",
        advisory=f"CVE-2026-{number}",
        package=f"pkg:deb/debian/lib{number % 999}@1.2",
        last_seen=day(last),
        digest="sha256:" + "0" * 64,
        changes=tuple(changes),
    )


def make(path: Path) -> None:
    """Write the history."""
    chance = random.Random(8)  # noqa: S311  (the same history each time, no secret)
    found = [lifecycle(number, chance) for number in range(LIFECYCLES)]
    names = [f"family-{number}" for number in range(IMAGES)]
    audits = [PastAudit(name, day(at), "", is_complete=True) for name in names for at in range(SPAN + 1)]
    with History.open(path, day(SPAN)) as history:
        history.merge(found, audits)


def measure(path: Path) -> None:
    """Print as JSON what each part costs in this process."""
    import pandas  # noqa: F401, PLC0415  (what it costs to import is no cost of counting)

    gc.set_threshold(100_000, 50, 100)  # as the command does
    times = [cpu(resource.RUSAGE_SELF)]
    with History.read(path) as history:
        times.append(cpu(resource.RUSAGE_SELF))
        changes, audits = history.change_columns(), history.audits()
    times.append(cpu(resource.RUSAGE_SELF))
    told = trend(changes, audits, days=DAYS, until=day(SPAN))
    times.append(cpu(resource.RUSAGE_SELF))
    is_right = len(told) == DAYS and sum(told[-1].open.values()) > 0
    parts = [after - before for before, after in pairwise(times)]
    print(json.dumps({"parts": parts, "changes": len(changes.finding), "right": is_right}))


def cpu(who: int) -> float:
    """Return the seconds of processors that were used so far."""
    spent = resource.getrusage(who)
    return spent.ru_utime + spent.ru_stime


def of_children(command: list[str]) -> tuple[float, str]:
    """Run a command; return its seconds of processors and what it printed."""
    before = cpu(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return cpu(resource.RUSAGE_CHILDREN) - before, done.stdout


def main() -> int:
    """Measure, print, and return 1 where a promise is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        make(path)
        parts, whole, changes = [], [], 0
        for _ in range(ROUNDS):
            told = json.loads(of_children([sys.executable, "-m", __spec__.name, str(path)])[1])
            if not told["right"]:
                print("the trend is not that of the history")
                return 1
            parts.append(told["parts"])
            changes = told["changes"]
            command = [sys.executable, "-m", "fleet_audit", "history", "trend", "--history", str(path)]
            whole.append(of_children([*command, "--days", str(DAYS), "-o", "json"])[0])
        size = path.stat().st_size / 1e6
    print(f"{LIFECYCLES} lifecycles in {IMAGES} images, {changes} changes, {size:.0f} MB; CPU seconds")
    least = min(parts, key=sum)
    for name, seconds in zip(PARTS, least, strict=True):
        print(f"  {name:16} {seconds:5.2f}")
    print(f"  {'together':16} {sum(least):5.2f}   promised: under {PROMISED_SECONDS:.0f}")
    print(f"  {'whole command':16} {min(whole):5.2f}   with the start of Python and of pandas")
    return int(sum(least) >= PROMISED_SECONDS)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        sys.exit(main())
