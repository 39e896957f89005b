"""What it costs to judge a whole fleet again from stored audits: `python -m benchmarks.gate.rejudging`.

70 audits, each with the facts of a real image of the example fleet and 1,500 advisories, 5,000 subjects
together, are stored as `gate` stores them. Then ``gate --built --stored`` judges them by the strict policy in
a process of its own with an empty cache: no image is read. Wall and CPU seconds, the least of `--rounds`. The
command fails where it takes 20 seconds or longer.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.gate.evidence import real_audit, subjects_like
from fleet_audit.audit.pipeline.audits.stored import store
from fleet_audit.audit.policy.part import Part, kept

IMAGES, SUBJECTS, MOST_SECONDS = 70, 5000, 20.0
_FAILED = 1


class Cost(msgspec.Struct, frozen=True):
    """Wall and CPU seconds of one gate, and how many images it told of."""

    wall: float
    cpu: float
    images: int


def main() -> int:
    """Store the audits, judge them again, print, and judge that."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory(prefix="benchmark-gate-") as place:
        size = store_fleet(Path(place))
        costs = [judge_again(Path(place), number) for number in range(rounds)]
    wall, cpu = min(cost.wall for cost in costs), min(cost.cpu for cost in costs)
    what = f"{costs[0].images} audits of {SUBJECTS} subjects, {size / 1e6:.0f} MB"
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{what}: {wall:.1f} s, {cpu:.1f} s of CPU, {memory:.0f} MB of memory")
    if wall >= MOST_SECONDS:
        print(f"missed: {wall:.1f} s, not under {MOST_SECONDS:.0f} s")
        return 1
    return 0


def store_fleet(folder: Path) -> int:
    """Write a manifest of many families and an audit of each; return how many bytes the audits take."""
    audit = real_audit()
    subjects = subjects_like(audit, SUBJECTS)
    names = [f"family-{number}" for number in range(IMAGES)]
    families = {name: {"image": f"oci:images:{name}"} for name in names}
    manifest = {"version": 1, "fleet": "many", "policy": "strict", "families": families, "services": []}
    (folder / "fleet.yaml").write_bytes(msgspec.json.encode(manifest))
    for name in names:
        # Judgements are kept by what was judged: each image has facts of its own.
        own = (msgspec.structs.replace(subject, name=f"{subject.name} in {name}") for subject in subjects)
        part = kept(Part("benchmark", tuple(own)))
        store(msgspec.structs.replace(audit, subject=name, evidence=(part,)), folder / "audits")
    return sum(path.stat().st_size for path in (folder / "audits").rglob("*.json"))


def judge_again(folder: Path, number: int) -> Cost:
    """Run the gate on what is stored, and check that it told of every image."""
    command = [sys.executable, "-m", "fleet_audit", "gate", "--built", "--stored", "--audits", "audits"]
    command += ["--cache-dir", f"cache-{number}", "-o", "json=answer.json"]
    begin, before = time.perf_counter(), _cpu()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wall, cpu = time.perf_counter() - begin, _cpu() - before
    if done.returncode != _FAILED:
        sys.exit(f"exit code {done.returncode}: {done.stderr}")
    answer = msgspec.json.decode((folder / "answer.json").read_bytes())
    return Cost(wall, cpu, len(answer["subjects"]))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
