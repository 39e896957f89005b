"""Which programs and files commands, scripts and Dockerfiles name."""

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import Healthcheck, ImageConfig
from fleet_audit.audit.pipeline.surplus.mentions import (
    Mentions,
    noted,
    of_configuration,
    of_image_scripts,
    programs_mentioned,
    words_of,
)
from tests.support.trees import tree

FILES = [ImagePath("/usr/bin/jq"), ImagePath("/usr/share/dict/words")]


def test_programs_are_found_by_name_and_files_by_their_path() -> None:
    mentions: Mentions = {}
    noted(mentions, words_of("exec jq '.' < /usr/share/dict/words"), "run.sh")

    assert list(programs_mentioned(mentions, FILES)) == [(FILES[0], "run.sh"), (FILES[1], "run.sh")]


def test_a_file_that_is_no_program_is_not_found_by_its_name_alone() -> None:
    mentions: Mentions = {}
    noted(mentions, ["words"], "run.sh")

    assert list(programs_mentioned(mentions, FILES)) == []


def test_a_program_is_found_by_a_path_through_a_link() -> None:
    mentions: Mentions = {}
    noted(mentions, ["/bin/jq"], "run.sh")

    assert [path for path, _ in programs_mentioned(mentions, FILES)] == ["/usr/bin/jq"]


def test_the_configuration_says_where_something_is_named() -> None:
    config = ImageConfig(
        cmd=("sh", "-c", "jq ."), healthcheck=Healthcheck(("CMD-SHELL", "curl -f localhost"))
    )

    found = of_configuration(config)

    assert (found["jq"], found["curl"]) == ("the image's CMD", "the image's HEALTHCHECK")


def test_the_environment_names_files_and_what_is_preloaded() -> None:
    config = ImageConfig(env={"LD_PRELOAD": "libjemalloc.so.2", "WORDS": "/usr/share/dict/words", "A": "jq"})
    library = ImagePath("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")

    named = [path for path, _ in programs_mentioned(of_configuration(config), [*FILES, library])]

    assert named == [FILES[1], library]


def test_a_program_in_python_is_no_shell_script() -> None:
    config = ImageConfig(cmd=("python3", "-c", "import os as jq; open('/usr/share/dict/words')"))

    assert list(programs_mentioned(of_configuration(config), FILES)) == [(FILES[1], "the image's CMD")]


def test_scripts_are_read_as_far_as_they_can_be() -> None:
    world = tree(
        {"/entry.sh": "#!/bin/sh\nexec jq . \udcff".encode(errors="surrogateescape"), "/folder": None}
    )

    found = of_image_scripts(world, [ImagePath("/entry.sh"), ImagePath("/folder"), ImagePath("/gone.sh")])

    assert found["jq"] == "/entry.sh"
