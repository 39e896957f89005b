"""What `fleet-audit --help` costs: `python benchmarks/help_time.py`.

Prints CPU milliseconds (user and system) of the whole process, and of a Python that does nothing, as minimum
and median of some runs in turns.
"""

import resource
import subprocess
import sys
from statistics import median

ROUNDS = 15
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "fleet-audit --help": [sys.executable, "-m", "fleet_audit", "--help"],
}


def cpu_milliseconds(command: list[str]) -> float:
    """Run a command and return the CPU time of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    """Measure in turns and print a line for each command."""
    times: dict[str, list[float]] = {label: [] for label in COMMANDS}
    for _ in range(ROUNDS):
        for label, command in COMMANDS.items():
            times[label].append(cpu_milliseconds(command))
    for label, spent in times.items():
        print(f"{label:20} min {min(spent):4.0f} ms, median {median(spent):4.0f} ms CPU")


if __name__ == "__main__":
    main()
