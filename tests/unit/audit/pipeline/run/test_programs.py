"""A program is found as execvp would find it, in the image and nowhere else."""

import msgspec

from fleet_audit.audit.images.tree import Entry, MemoryTree
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.pipeline.run.programs import find_program
from tests.support.trees import Link, tree


def _image(*, mode: int = 0o755) -> MemoryTree:
    world = tree({"/usr/bin/ffmpeg": b"\x7fELF", "/bin": Link("usr/bin"), "/opt/ffmpeg/README": "a folder"})
    folders = {
        path: dict(world.listing(path)) for path in (ROOT, *map(ImagePath, ("/usr", "/usr/bin", "/opt")))
    }
    program = folders[ImagePath("/usr/bin")]["ffmpeg"]
    folders[ImagePath("/usr/bin")]["ffmpeg"] = msgspec.structs.replace(program, mode=mode)
    return MemoryTree(folders, _no_body)


def _no_body(entry: Entry) -> bytes:
    raise AssertionError(entry)


def test_the_images_own_path_decides() -> None:
    assert find_program(_image(), {"PATH": "/opt:/bin"}, "ffmpeg") == "/usr/bin/ffmpeg"
    assert find_program(_image(), {"PATH": "/sbin"}, "ffmpeg") is None


def test_without_a_path_the_runtimes_default_holds() -> None:
    assert find_program(_image(), {}, "ffmpeg") == "/usr/bin/ffmpeg"


def test_a_file_that_may_not_be_executed_is_no_program() -> None:
    assert find_program(_image(mode=0o644), {}, "ffmpeg") is None


def test_a_folder_of_that_name_is_no_program() -> None:
    assert find_program(_image(), {"PATH": "/opt"}, "ffmpeg") is None


def test_a_path_is_taken_as_it_is_and_a_relative_one_is_unknown() -> None:
    assert find_program(_image(), {}, "/bin/ffmpeg") == "/usr/bin/ffmpeg"
    assert find_program(_image(), {}, "./ffmpeg") is None
