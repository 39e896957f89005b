"""Writes whole repositories to start fuzzing from: ``python -m tests.fuzz.make_repository_corpus FOLDER``.

They are the repositories with defects that the tests check.
"""

import sys
from pathlib import Path

from tests.support.defects import DEFECTS
from tests.support.repositories import body_of, files_below


def make_corpus(folder: Path) -> None:
    """Write one file for each repository, and one for each of its files alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in sorted(path for path in DEFECTS.glob("*/*") if path.is_dir()):
        files = files_below(place)
        name = f"{place.parent.name}-{place.name}"
        (folder / name).write_bytes(body_of(files))
        for number, (path, text) in enumerate(files.items()):
            (folder / f"{name}-{number}").write_bytes(body_of({path: text}))


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]))
