"""Which exact solver suits the choice of packages: size, time to import, speed, and whether answers agree.

Run ``python -m benchmarks.apt.solvers`` from a checkout. Three solvers in an environment of their own answer
what real sets of needs leave open on three releases of Debian (bytes as the only cost), and made problems of
the same kind that are larger. Seconds of processors. What a solver does not answer within the limit is
counted and not waited for.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.apt import solver_peers
from benchmarks.peer_environment import environment
from fleet_audit.audit.apt.planning.choice import LEVELS
from tests.support.debian import RELEASES, index, minimal, state_of
from tests.support.needs import needs_of
from tests.support.problems import problem_of

DISTRIBUTIONS = {"HiGHS": "highspy", "CP-SAT": "ortools", "RC2": "python-sat"}
RELEASES_WANTED = ("highspy==1.15.1", "ortools==9.15.6755", "python-sat==1.9.dev17")
_BYTES = LEVELS.index("installed bytes")
_PATIENCE = 3
"""After so many problems without an answer, a solver is asked no more of the kind."""

_SIZES = """
import importlib.metadata, json, sys
from packaging.requirements import Requirement
def needed(name, seen):
    if name not in seen:
        seen.add(name)
        for text in importlib.metadata.requires(name) or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                needed(wanted.name, seen)
    return seen
def size(name):
    return sum(file.size or 0 for file in importlib.metadata.files(name) or ())
print(json.dumps([size(sys.argv[1]), {name: size(name) for name in sorted(needed(sys.argv[1], set()))}]))
"""


class Answers(NamedTuple):
    """Seconds of a solver's import, and for each problem a sum and seconds; None where it gave no answer."""

    imported: float
    given: list[tuple[int | None, float] | None]


Problem = tuple[list[list[int]], dict[int, int]]


def main() -> int:
    """Ask each solver both kinds of problems; return 1 where two of them disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=10, help="seconds for one problem")
    parser.add_argument("--made", type=int, default=100, help="how many problems are made")
    options = parser.parse_args()
    python = environment("benchmark-solvers", (*RELEASES_WANTED, "packaging"))
    if python is None:
        print("the solvers cannot be installed here")
        return 1
    kinds = {"real": list(real()), "made": [made(seed) for seed in range(options.made)]}
    print(f"{'solver':8} {'MB':>6} {'with all':>8} {'import':>7}  problems  answered   total     worst")
    said = {}
    for name in DISTRIBUTIONS:
        own, together = sizes(python, name)
        for kind, problems in kinds.items():
            said[name, kind] = answers = ask(python, name, problems, options.limit)
            seconds = [answer[1] for answer in answers.given if answer is not None]
            print(
                f"{name:8} {own / 1e6:6.1f} {together / 1e6:8.1f} {answers.imported:7.3f}  {kind:8}"
                f"  {len(seconds):3} of {len(problems):3} {sum(seconds):7.2f} {max(seconds):8.3f}"
            )
    differing = [kind for kind in kinds if differ([said[name, kind] for name in DISTRIBUTIONS])]
    print("answers differ: " + ", ".join(differing) if differing else "all answers agree")
    return 1 if differing else 0


def real() -> Iterator[Problem]:
    """Yield what sets of needs ask of three releases."""
    for release in RELEASES.values():
        state, found = state_of(minimal(release)), index(release)
        for needs in needs_of(release).values():
            problem = problem_of(needs, state, found)
            if not problem.clauses:
                continue  # everything is there already
            weights = {variable: cost[_BYTES] // 1024 for variable, cost in problem.costs.items()}
            yield [list(clause) for clause in problem.clauses], weights


def made(seed: int, *, packages: int = 200, dependencies: int = 200, needs: int = 30) -> Problem:
    """Return a problem of packages with alternatives, some conflicts, and needs of several providers."""
    choose = random.Random(seed)  # noqa: S311  (the same problems each time, not secrets)
    names = range(1, packages + 1)
    clauses = [
        [-choose.choice(names), *choose.sample(names, choose.randint(1, 3))] for _ in range(dependencies)
    ]
    clauses = [clause for clause in clauses if -clause[0] not in clause]
    clauses += [[-first, -second] for first, second in (choose.sample(names, 2) for _ in range(10))]
    clauses += [choose.sample(names, choose.randint(1, 3)) for _ in range(needs)]
    return clauses, {name: choose.randint(1, 200_000) for name in names}


def ask(python: Path, name: str, problems: Sequence[Problem], limit: int) -> Answers:
    """Return what one solver answers, one process after the other where it is ended by the limit."""
    given: list[tuple[int | None, float] | None] = []
    imported = 0.0
    while len(given) < len(problems) and given.count(None) < _PATIENCE:
        argv = [str(python), str(solver_peers.__file__), name, str(limit)]
        rest = json.dumps(problems[len(given) :])
        done = subprocess.run(argv, check=False, input=rest, capture_output=True, text=True)
        if done.returncode not in (0, -signal.SIGALRM):
            raise RuntimeError(f"{name}: {done.stderr}")
        lines: list[Any] = list(map(json.loads, done.stdout.splitlines()))
        imported = lines[0]
        given += [(reached, taken) for reached, taken in lines[1:]]
        if done.returncode:
            given.append(None)
    return Answers(imported, given + [None] * (len(problems) - len(given)))


def sizes(python: Path, name: str) -> tuple[int, int]:
    """Return the bytes of a solver's distribution, alone and with all that it requires."""
    argv = [str(python), "-c", _SIZES, DISTRIBUTIONS[name]]
    own, every = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return own, sum(every.values())


def differ(answers: Sequence[Answers]) -> bool:
    """Say whether two solvers gave different sums for one problem."""
    rows = zip(*(each.given for each in answers), strict=True)
    return any(len({answer[0] for answer in row if answer is not None}) > 1 for row in rows)


if __name__ == "__main__":
    sys.exit(main())
