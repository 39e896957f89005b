"""A file is changed as a whole, and only where it is what was read."""

import hashlib
import os
from pathlib import Path

import pytest

from fleet_audit.audit.tools.rewriting import RewriteRefused, rewrite

BODY = b"FROM a\r\nRUN b\n"
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file in two folders below the root ``repository``."""
    path = tmp_path / "repository" / "docker" / "x" / "Dockerfile"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    return path


def changed(file: Path, path: str = "docker/x/Dockerfile", *, sha256: str = DIGEST) -> None:
    rewrite(file.parents[2], path, lambda body: body + b"RUN c\n", sha256=sha256)


def refusal(file: Path, path: str = "docker/x/Dockerfile", *, sha256: str = DIGEST) -> str:
    with pytest.raises(RewriteRefused) as caught:
        changed(file, path, sha256=sha256)
    return str(caught.value)


def test_the_body_is_what_was_made_of_it_and_nothing_else_is_left(file: Path) -> None:
    changed(file)

    assert file.read_bytes() == BODY + b"RUN c\n"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755])
def test_the_mode_is_kept(file: Path, mode: int) -> None:
    file.chmod(mode)
    mask = os.umask(0o077)

    changed(file)

    os.umask(mask)
    assert file.stat().st_mode & 0o7777 == mode


def test_who_reads_the_old_file_goes_on_to_do_so(file: Path) -> None:
    with file.open("rb") as reader:
        changed(file)
        assert reader.read() == BODY


def test_a_file_that_has_changed_is_left(file: Path) -> None:
    file.write_bytes(b"FROM other\n")

    assert "has changed since it was read" in refusal(file)
    assert file.read_bytes() == b"FROM other\n"


def test_a_change_while_it_is_being_written_is_left(file: Path) -> None:
    def change(body: bytes) -> bytes:
        file.write_bytes(b"somebody else's longer text\n")
        return body

    with pytest.raises(RewriteRefused, match="somebody else is changing it"):
        rewrite(file.parents[2], "docker/x/Dockerfile", change, sha256=DIGEST)

    assert file.read_bytes() == b"somebody else's longer text\n"
    assert list(file.parent.iterdir()) == [file]


def test_a_link_is_not_followed_not_even_within_the_repository(file: Path) -> None:
    kept = file.rename(file.parent / "kept")
    file.symlink_to(kept)

    assert "Dockerfile is a symbolic link" in refusal(file)
    assert kept.read_bytes() == BODY


def test_a_link_on_the_way_is_not_followed(file: Path) -> None:
    (file.parents[2] / "link").symlink_to(file.parents[1])

    assert "link is a symbolic link" in refusal(file, "link/x/Dockerfile")


def test_the_root_itself_may_be_a_link(file: Path) -> None:
    link = file.parents[3] / "link"
    link.symlink_to(file.parents[2])

    rewrite(link, "docker/x/Dockerfile", lambda body: body, sha256=DIGEST)


@pytest.mark.parametrize("path", ["../repository/docker/x/Dockerfile", "/etc/passwd", "docker/../x", "", "."])
def test_no_path_leads_out(file: Path, path: str) -> None:
    assert "it is no path below the repository" in refusal(file, path)


def test_a_folder_a_pipe_and_nothing_are_no_files(file: Path) -> None:
    os.mkfifo(file.parent / "pipe")

    assert "it is no regular file" in refusal(file, "docker/x/pipe")
    assert "cannot be written" in refusal(file, "docker/x")
    assert "No such file" in refusal(file, "docker/x/nothing")
    assert "cannot be written" in refusal(file, "docker/x/Dockerfile/below")


def test_a_change_that_fails_leaves_the_file(file: Path) -> None:
    def change(body: bytes) -> bytes:
        raise ValueError(body)

    with pytest.raises(ValueError, match="FROM"):
        rewrite(file.parents[2], "docker/x/Dockerfile", change, sha256=DIGEST)

    assert file.read_bytes() == BODY
    assert list(file.parent.iterdir()) == [file]
