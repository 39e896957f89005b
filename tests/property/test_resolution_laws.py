"""Laws of what decides where modules are found: whatever stands in the files, there is an answer."""

import io
import zipfile
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ImagePath, ModuleName, distribution_name
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.distributions.distributions import Distributions
from fleet_audit.audit.static_imports.distributions.requirements import marker_environment, read_requirements
from fleet_audit.audit.static_imports.distributions.spelling import meant
from fleet_audit.audit.static_imports.resolution.archives import WithArchives
from fleet_audit.audit.static_imports.resolution.command_line import options_of
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from tests.support.laws import examples
from tests.support.pythons import LIB, SITE, python_image
from tests.support.trees import tree

PLACE = ImagePath("/a.zip")
FILES = ("requirements.txt", "pyproject.toml", "Pipfile", "Pipfile.lock", "uv.lock", "setup.cfg")
NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)

LINES = st.lists(
    st.sampled_from(
        [
            "import site; site.addsitedir('/srv')",
            "import sys; sys.path.insert(0, '/srv')",
            "import sys; sys.path[:0] = x",
            "import __editable___a_finder; __editable___a_finder.install()",
            "import _editable_impl_a",
            "/srv",
            "../../..",
            "\0",
            "# x",
        ]
    )
    | st.text(max_size=30),
    max_size=6,
).map("\n".join)
FINDERS = st.sampled_from(
    ["MAPPING = {'a': '/srv/a'}\nNAMESPACES = {'b': []}", "F.map_module('a', '/srv/a.py')", "MAPPING = {"]
) | st.text(max_size=60)


@given(pth=LINES | st.binary(max_size=60), finder=FINDERS, cfg=st.text(max_size=60))
@examples(200)
def test_site_folders_of_any_contents_give_a_search_path(pth: str | bytes, finder: str, cfg: str) -> None:
    image = python_image(
        {
            "a.pth": pth,
            "__editable___a_finder.py": finder,
            "_editable_impl_a.py": finder,
            "/srv/b.pth": pth,
            "/usr/local/pyvenv.cfg": cfg,
        }
    )
    found = find_interpreter(image, ImageConfig())
    assert found is not None
    assert len(set(found.search_path)) == len(found.search_path)
    assert all(path.startswith("/") and "/../" not in path for path in found.search_path)
    assert LIB in found.search_path


def some_archive() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("p/__init__.py", "p/m.py", "n.py"):
            made.writestr(name, "import x\n" * 20)
    return body.getvalue()


ARCHIVE = some_archive()


@given(data=st.data())
@examples(300)
def test_a_damaged_archive_is_read_as_far_as_it_is_sound(data: st.DataObject) -> None:
    body = bytearray(ARCHIVE)
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    files = WithArchives(tree({PLACE: bytes(body[cut:]) if cut < 60 else bytes(body[:cut])}), (3, 11))
    pending = [PLACE]
    while pending:
        at = pending.pop()
        for name in files.listing(at):
            path = ImagePath(f"{at}/{name}")
            pending += [path] if files.listing(path) else []
            with suppress(FileUnreadable):
                assert len(files.read(path, limit=10_000)) <= 10_000


@given(file=st.sampled_from(FILES), text=st.text(max_size=200) | st.binary(max_size=200))
@examples(300)
def test_requirement_files_of_any_contents_name_something_or_nothing(file: str, text: str | bytes) -> None:
    markers = marker_environment((3, 11), "x86_64")
    found = read_requirements(tree({file: text}), [file], markers)
    assert set(found.asked) <= set(found.installs)
    assert all(gap.why and gap.location is not None for gap in found.gaps)


@given(names=st.lists(NAMES, max_size=8), version=st.integers(0, 99))
@examples(100)
def test_every_name_in_a_requirements_file_is_read(names: list[str], version: int) -> None:
    forms = ("{}=={}", "{} >= {}  # why", "{}~={}.1 ; python_version >= '3'", "{} (!={})")
    lines = [forms[at % len(forms)].format(name, version) for at, name in enumerate(names)]
    found = read_requirements(tree({"r.txt": "\n".join(lines)}), ["r.txt"])
    assert [r.name for r in found.every] == [distribution_name(name) for name in names]
    assert [r.location.line for r in found.every] == list(range(1, len(names) + 1))


@given(record=st.binary(max_size=80), metadata=st.binary(max_size=80), other=st.text(max_size=80))
@examples(200)
def test_metadata_of_any_contents_makes_a_distribution(record: bytes, metadata: bytes, other: str) -> None:
    info = f"{SITE}/a-1.dist-info"
    files: dict[str, bytes | str] = {
        f"{info}/RECORD": record,
        f"{info}/METADATA": metadata,
        f"{info}/entry_points.txt": other,
        f"{info}/direct_url.json": other,
        f"{info}/top_level.txt": other,
    }
    found = Distributions(tree(files), [ImagePath(SITE)])
    (name,) = found.installed
    assert not found.is_from_folder(name)
    assert isinstance(found.commands(name), frozenset)
    assert found.shared_files() == ()


@given(words=st.lists(st.sampled_from(["python", "-I", "-c", "-W", "-sX", "--", "-"]) | st.text(max_size=6)))
def test_any_command_line_has_options(words: list[str]) -> None:
    options = options_of(words, {})
    assert options.has_script_folder or options.is_isolated or any("P" in word for word in words)


@given(written=st.text(max_size=20), known=st.lists(st.text(max_size=10)))
def test_only_known_names_are_meant(written: str, known: list[str]) -> None:
    assert set(meant(ModuleName(written), known)) <= set(known) - {written}
