"""Names among the constants of libraries that this machine's compiler and linker really make."""

from pathlib import Path

import pytest

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.compiled.compiled_names import names_of_body
from tests.support.libraries import Layout, glibc_compiler

pytestmark = pytest.mark.integration

SOURCE = """
static const char *const names[] = {"pkg.slow", "pkg.fast.Error", "quick"};
const char *name(int at) { return names[at]; }
"""


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-Wl,-z,separate-code"],
        ["-Wl,-z,noseparate-code"],
        ["-Wl,--no-eh-frame-hdr"],
        ["-Wl,-z,noseparate-code", "-Wl,--no-eh-frame-hdr"],
        ["-s"],
        ["-O2", "-fno-asynchronous-unwind-tables"],
    ],
    ids=" ".join,
)
def test_strings_are_found_however_the_linker_laid_them(tmp_path: Path, options: list[str]) -> None:
    root = tmp_path / "root"
    root.mkdir()
    library = Layout(root, glibc_compiler()).lib("fast.so", source=SOURCE, options=options)

    names = names_of_body(library.read_bytes(), ImagePath("/site-packages/pkg/fast.so"))

    assert "pkg.slow" in names.dotted.splitlines()
    assert "pkg.fast.Error" not in names.dotted.splitlines()
    assert "quick" in names.words.splitlines()
