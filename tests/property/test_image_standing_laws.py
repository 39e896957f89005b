"""Laws of saying how images stand, and of hiding what is secret."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.contexts.gathering import builds
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, makings
from fleet_audit.audit.dockerfiles.running.masking import masked, masked_text
from fleet_audit.audit.dockerfiles.standards.images import made_images
from fleet_audit.audit.dockerfiles.standards.standing import Ground, KnownBase, standing
from fleet_audit.audit.model.fleet import Defaults, Family, Fleet, Manifest, Service
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, Variable
from fleet_audit.audit.model.standards import Observed
from tests.support.standings import PYTHON
from tests.support.trees import tree

CORPUS = sorted(
    path for path in (Path(__file__).parents[1] / "fixtures" / "dockerfiles").glob("*/*") if path.is_file()
)
FLEET = Fleet(
    Manifest(
        version=1,
        fleet="f",
        families={"base": Family(dockerfiles=("base/Dockerfile",), platforms=("linux/amd64",))},
        services=(Service("web", "base", dockerfiles=("Dockerfile",), ports={"svc": 7200}),),
        defaults=Defaults(user="10001:10001", init="tini", health_path="/health"),
    ),
    root=".",
    file="fleet.yaml",
)
LINES = st.sampled_from(
    [
        *(
            "FROM python:3.11-slim",
            "FROM base AS a",
            "FROM a",
            "FROM $X",
            "FROM scratch",
            "FROM --platform=x a",
        ),
        *("USER root", "USER app", "USER 7:8", "USER $X", "ARG X=1", "ENV X=$X API_TOKEN=abcdef", "ENV A"),
        *(
            "RUN apt-get update",
            "RUN useradd -u 5 app",
            "RUN useradd -u",
            "RUN <<E",
            "E",
            "RUN pip install x",
        ),
        *(
            "WORKDIR a",
            "WORKDIR /",
            "COPY . .",
            "COPY --from=a / /",
            "COPY a b/ ",
            "ADD x.tar /",
            "COPY <<E /y",
        ),
        *(
            "EXPOSE 80 90-95/udp",
            "EXPOSE x",
            "HEALTHCHECK CMD curl localhost:1",
            "HEALTHCHECK NONE",
            "VOLUME /v",
        ),
        *('CMD ["python3", "-m", "a.b"]', "CMD python3 x.py", 'ENTRYPOINT ["tini", "--"]', "ENTRYPOINT x"),
        *(
            "ONBUILD USER 9",
            "ONBUILD RUN x",
            "LABEL a=b",
            "STOPSIGNAL 9",
            'SHELL ["bash", "-c"]',
            "\\",
            "'\"",
            "\0",
        ),
    ]
)


def stand(text: str, **files: str) -> list[Observed]:
    """Return how the image of a service with this Dockerfile stands."""
    repository = Repository(tree({"Dockerfile": text, "base/Dockerfile": "FROM python:3.11-slim\n", **files}))
    every = builds(repository, FLEET)
    bases = Bases(repository, makings(every, FLEET), lambda name: PYTHON if name == PYTHON.lowest else None)
    ground = Ground(repository, bases, FLEET, lambda _: KnownBase(lacks=("curl",)))
    return [each for image in made_images(every, FLEET, bases) for each in standing(image, ground, None)]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_every_dockerfile_of_the_corpus_stands_somehow(path: Path) -> None:
    for observed in stand(path.read_bytes().decode(errors="replace")):
        assert observed.location is not None


@given(st.lists(LINES, max_size=15).map("\n".join))
@settings(deadline=None)
def test_whatever_stands_in_a_dockerfile_it_is_read_to_its_end(text: str) -> None:
    lines = text.count("\n") + 1

    for observed in stand(text):
        assert observed.location is not None
        assert observed.location.path != "Dockerfile" or 0 <= observed.location.line <= lines


@given(
    st.lists(LINES.filter(lambda line: line not in ("\\", "'\"", "RUN <<E", "E", "COPY <<E /y")), max_size=12)
)
@settings(deadline=None)
def test_comments_and_blank_lines_change_nothing_but_lines(lines: list[str]) -> None:
    text = "FROM python:3.11-slim\n" + "\n".join(lines)
    spread = "\n\n# why\n".join(text.split("\n"))

    assert [each.standing for each in stand(spread)] == [each.standing for each in stand(text)]


@given(st.text("abcxyz0123456789-._", min_size=8, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_a_secret_that_the_environment_names_is_nowhere_else(value: str, before: str, behind: str) -> None:
    text = before + value + behind
    run = RunConfiguration(
        env=(Variable("API_KEY", value), Variable("OTHER", text)),
        labels=(Variable("note", text),),
        cmd=CommandLine(("app", text)),
    )

    shown = masked(run)

    texts = [variable.value for variable in (*shown.env, *shown.labels)]
    texts += shown.cmd.words if shown.cmd else ()
    is_secret = shown.env[0].value != value
    assert not is_secret or all(value not in each for each in texts)


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert masked_text(masked_text(text)) == masked_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.11-slim AS s0\n"
        + "".join(f"FROM s{n} AS s{n + 1}\nENV A{n}=1\nUSER {n}\n" for n in range(450)),
        "FROM python:3.11-slim\n" + "RUN apt-get install -y gcc && useradd -u 5 app\n" * 3000,
        "FROM python:3.11-slim\nCMD " + "tini -- " * 50_000,
        "FROM python:3.11-slim\nHEALTHCHECK CMD " + "curl http://localhost:1/ || " * 20_000,
        "FROM python:3.11-slim\nENV A_TOKEN=" + "eyJ" * 100_000,
        "FROM python:3.11-slim\nEXPOSE " + "1-65535 " * 2000,
        "FROM python:3.11-slim\n" + "WORKDIR a\nCOPY x y\n" * 3000 + 'CMD ["python3", "y/z.py"]',
        'FROM python:3.11-slim\nHEALTHCHECK CMD ["python3", "-c", "' + "(" * 9000 + '"]',
        "FROM web\n" * 500,
    ],
    ids=["stages", "runs", "inits", "checks", "token", "ports", "folders", "nesting", "froms"],
)
def test_large_dockerfiles_are_judged_in_time(text: str) -> None:
    begin = time.process_time()

    stand(text)

    assert time.process_time() - begin < 5
