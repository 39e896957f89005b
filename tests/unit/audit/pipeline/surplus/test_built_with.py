"""Where an image's own build uses packages that nothing needs once it is built."""

import pytest

from fleet_audit.audit.apt.surplus.surplus import Brought
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.model.identity import ImagePath, PackageName
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.surplus.brought import OwnDockerfile
from fleet_audit.audit.pipeline.surplus.built_with import build_uses

GCC, JQ = PackageName("gcc"), PackageName("jq")


def uses(*runs: str, origin: str = "web", line: int = 2) -> dict[PackageName, str]:
    place = SourceLocation("Dockerfile", line)
    text = "\n".join(("FROM debian:12", "RUN apt-get install -y gcc jq", *runs))
    dockerfile = OwnDockerfile("Dockerfile", parse(text).instructions)
    return build_uses(
        {"web": [dockerfile]},
        {name: Brought(origin, dockerfile=place) for name in (GCC, JQ)},
        {GCC: (ImagePath("/usr/bin/gcc"),), JQ: (ImagePath("/usr/bin/jq"),)},
        for_building=[GCC],
    )


def test_a_program_that_a_run_starts_is_used_there() -> None:
    assert uses("RUN cat a.json | jq . > b.json") == {JQ: "Dockerfile:3 runs jq"}


def test_what_only_names_a_program_does_not_use_it() -> None:
    assert uses("RUN echo jq gcc") == {}


@pytest.mark.parametrize(
    "run",
    [
        "RUN pip install -r requirements.txt",
        "RUN python3 -m pip install --no-cache-dir numpy",
        "RUN python setup.py install",
        "RUN uv sync --frozen",
    ],
)
def test_installing_from_source_may_compile_with_what_is_for_building(run: str) -> None:
    (name, why), *others = uses(run).items()

    assert (name, others) == (GCC, [])
    assert why.startswith("Dockerfile:3 runs ")
    assert why.endswith(", which may compile")


@pytest.mark.parametrize(
    "run",
    [
        "RUN pip install --only-binary=:all: -r requirements.txt",
        "RUN pip install --only-binary :all: numpy",
        "RUN python3 app.py",
        "RUN python3 -m compileall /app",
        "RUN uv pip install --no-build numpy",
    ],
)
def test_wheels_and_other_programs_compile_nothing(run: str) -> None:
    assert uses(run) == {}


def test_what_is_installed_behind_it_compiled_nothing() -> None:
    assert uses("RUN pip install numpy", line=4) == {}


def test_what_another_family_brought_is_not_this_ones_to_move() -> None:
    assert uses("RUN jq . a.json", origin="base") == {}
