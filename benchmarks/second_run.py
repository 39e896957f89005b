"""What the first and the second run over one image cost: `python benchmarks/second_run.py IMAGE`.

Each round starts with an empty cache. Prints the wall seconds of the layer stage (opening the image with
every layer's files, kept bodies and ELF facts) and of a whole `ldd`, first and second, and their ratios; and
the least CPU seconds of the command with all its processes, which other work on the machine changes less.
"""

import re
import resource
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import NamedTuple

ROUNDS = 3


class Run(NamedTuple):
    """Wall seconds of the layer stage and of the command, its CPU seconds, and how many layers were read."""

    layers: float
    whole: float
    cpu: float
    read: int


def run(image: str, cache: str) -> Run:
    """Run the command once and return what it cost."""
    command = [sys.executable, "-m", "fleet_audit", "ldd", image, "-v", "--cache-dir", cache, "-o", "json"]
    begin, before = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    whole, cpu = time.perf_counter() - begin, _cpu_of_children() - before
    found = re.search(r"layers: (\d+) read, \d+ from the cache, in ([\d.]+) s", done.stderr)
    if found is None:
        sys.exit(done.stderr)
    return Run(float(found[2]), whole, cpu, int(found[1]))


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure some rounds and print their medians."""
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/second_run.py IMAGE")
    firsts, seconds = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            firsts.append(run(sys.argv[1], cache))
            seconds.append(run(sys.argv[1], cache))
    print(f"{ROUNDS} rounds of {sys.argv[1]}, medians in wall seconds")
    print(f"layers read      first {firsts[0].read}, second {seconds[0].read}")
    for label, pick in (("layer stage", 0), ("whole command", 1)):
        first, second = (median(float(r[pick]) for r in runs) for runs in (firsts, seconds))
        print(f"{label:15}  first {first:.2f}, second {second:.2f}, ratio {first / max(second, 0.005):.0f}")
    least = [min(run.cpu for run in runs) for runs in (firsts, seconds)]
    print(f"CPU, least       first {least[0]:.2f}, second {least[1]:.2f}, ratio {least[0] / least[1]:.0f}")


if __name__ == "__main__":
    main()
