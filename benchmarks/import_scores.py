"""Scores of reachability: what is foreseen of small programs, against what an interpreter really loads.

Run ``python -m benchmarks.import_scores`` as root from a checkout; it needs debootstrap and, the first time,
a network. The programs, and the wheels that they import, are in tests/fixtures/programs. Prints the table of
docs/imports.md.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.import_scores import table, trials


def main() -> int:
    """Run all programs, foresee them, print."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    if os.geteuid() != 0:
        print("chroot needs root")
        return 2
    with TemporaryDirectory() as folder:
        print(table(trials(Path(folder))), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
