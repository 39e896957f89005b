import hashlib
from pathlib import Path

import pytest

from examples.fleet.builder import wheel_locks
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.recipes import RECIPES, Wheels
from examples.fleet.builder.wheel_downloads import cached, fetch
from examples.fleet.builder.wheel_locks import LOCKS, LockedWheel, anywhere_locked, locked

DIGEST = "a" * 64


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wheel_locks, "LOCKS", tmp_path)
    return tmp_path


def test_a_list_gives_names_versions_and_digests(locks: Path) -> None:
    (locks / "web.txt").write_text(
        f"Zope.Thing==1.0 \\\n    --hash=sha256:{DIGEST}\nanyio==2 --hash=sha256:{DIGEST}\n"
    )

    assert locked("web") == [
        LockedWheel("anyio", "2", (DIGEST,)),
        LockedWheel("zope-thing", "1.0", (DIGEST,)),
    ]


def test_what_is_for_another_python_is_left_out(locks: Path) -> None:
    (locks / "web.txt").write_text(
        f"old==1 ; python_full_version < '3.11.3' \\\n --hash=sha256:{DIGEST}\n"
        f"new==1 ; python_full_version >= '3.11.3' --hash=sha256:{DIGEST}\n"
        f"windows==1 ; sys_platform == 'win32' --hash=sha256:{DIGEST}\n"
    )

    assert [wheel.name for wheel in locked("web")] == ["old"]


@pytest.mark.parametrize("line", ["anyio==2", "anyio>=2 --hash=sha256:" + DIGEST, "-r other.txt"])
def test_a_line_without_pin_or_digest_is_refused(locks: Path, line: str) -> None:
    (locks / "web.txt").write_text(f"{line}\n")

    with pytest.raises(BuildError, match="requirement 1"):
        locked("web")


def test_a_distribution_is_found_in_whichever_list_has_it(locks: Path) -> None:
    (locks / "web.txt").write_text(f"anyio==2 --hash=sha256:{DIGEST}\n")

    assert anywhere_locked("AnyIO").version == "2"
    with pytest.raises(BuildError, match="in none of the lists"):
        anywhere_locked("absent")


def test_a_cached_wheel_is_used_only_while_its_digest_is_right(tmp_path: Path) -> None:
    body = b"a wheel"
    digest = hashlib.sha256(body).hexdigest()
    path = tmp_path / digest / "tool-1.0-py3-none-any.whl"
    path.parent.mkdir()
    path.write_bytes(body)
    wanted = LockedWheel("tool", "1.0", (DIGEST, digest))

    assert fetch([wanted], tmp_path) == [path]

    path.write_bytes(b"another")
    assert cached(wanted, tmp_path) is None


def test_every_list_of_a_recipe_is_there_and_agrees_with_its_parents() -> None:
    for recipe in RECIPES.values():
        versions: dict[str, str] = {}
        names = [recipe.name]
        while (parent := RECIPES[names[-1]].parent) is not None:
            names.append(parent)
        for step in (step for name in reversed(names) for step in RECIPES[name].steps):
            for wheel in locked(step.lock) if isinstance(step, Wheels) else ():
                assert versions.setdefault(wheel.name, wheel.version) == wheel.version


def test_the_lists_name_no_index_and_no_folder() -> None:
    for path in LOCKS.glob("*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "index-url" not in text
