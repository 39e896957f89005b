"""Which builds scripts and makefiles start."""

from fleet_audit.audit.dockerfiles.contexts.scripts import followed_scripts, script_builds
from fleet_audit.audit.dockerfiles.repository import Repository
from tests.support.trees import tree


def places(**files: str) -> list[tuple[str, str, str]]:
    """Return where each build stands, its Dockerfile and its context; ``__`` in a name is a slash."""
    named = {name.replace("__", "/").replace("_sh", ".sh"): text for name, text in files.items()}
    there = {"web/Dockerfile": "", "Dockerfile": "", "tools/Dockerfile": ""}
    repository = Repository(tree({**there, **named}))
    found = script_builds(repository, followed_scripts(repository))
    return [(str(build.location), build.dockerfile, build.context) for build in found]


def test_a_script_runs_at_the_root_or_in_its_own_folder_where_its_dockerfile_is() -> None:
    assert places(ci__build_sh="#!/bin/sh\ndocker build -f web/Dockerfile .\n") == [
        ("ci/build.sh:2", "web/Dockerfile", ".")
    ]
    assert places(web__build_sh="docker build --pull ..\n") == [("web/build.sh:1", "Dockerfile", ".")]
    assert places(web__build_sh='cd "$(dirname "$0")" && docker build .\n') == [
        ("web/build.sh:1", "web/Dockerfile", "web")
    ]


def test_what_is_found_from_nowhere_is_left_out() -> None:
    assert (
        places(build_sh="docker build -f gone/Dockerfile .\ndocker build $DIR\necho docker build .\n") == []
    )


def test_a_recipe_runs_in_the_folder_of_its_makefile() -> None:
    text = """
DIR := web
TAG ?= $(shell git rev-parse HEAD)
IMAGE = acme/web:$(TAG)
build:
\t@docker build -f $(DIR)/Dockerfile \\
\t\t-t ${IMAGE} --build-arg V=$$V .
other: ; echo docker build .
"""
    assert places(Makefile=text) == [("Makefile:6", "web/Dockerfile", ".")]
    assert places(tools__Makefile="all:\n\tdocker build .\n") == [
        ("tools/Makefile:2", "tools/Dockerfile", "tools")
    ]


def test_a_variable_that_is_set_twice_has_no_known_value() -> None:
    text = "D = web\nifdef X\nD = tools\nendif\nall:\n\tdocker build $(D)\n\tcd web; docker build .\n"

    assert places(Makefile=text) == [("Makefile:7", "web/Dockerfile", "web")]


def test_a_file_without_a_builder_is_not_read_on() -> None:
    assert places(Makefile="all:\n\tmake build\n", x_sh="ls\n") == []
