"""How images stand, as their Dockerfiles and what was built of them say it."""

from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.standards.standing import BuiltImage
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, Setting, Variable
from fleet_audit.audit.model.standards import (
    ExposedPort,
    FirstProcess,
    Health,
    ImageLabels,
    ImageSize,
    Leftover,
    Observed,
    Platforms,
    PrivilegedStep,
    RunAs,
    Secret,
    StartFile,
)
from tests.support.standings import records, standings


def of(folder: Path, *lines: str, **others: str) -> list[Observed]:
    """Return how the image of one service stands; names of other files have ``__`` for a slash."""
    files = {name.replace("__", "/"): text for name, text in others.items()}
    return standings(folder, {"Dockerfile": "\n".join(("FROM python:3.11-slim", *lines)), **files})


@pytest.mark.parametrize(
    "added",
    [
        "RUN useradd --uid 10001 app",
        "RUN useradd -u 10001 -g users -s /bin/false app",
        "RUN groupadd -g 5 app && useradd --uid=10001 --create-home app",
        "RUN adduser --disabled-password --uid 10001 --gecos '' app",
        "RUN adduser -D -H -u 10001 app",
        "ARG UID=10001\nRUN useradd --uid ${UID} app",
        "RUN <<EOF\nset -e\nuseradd --uid 10001 app\nEOF",
    ],
)
def test_a_named_user_has_the_number_that_a_step_gave_it(tmp_path: Path, added: str) -> None:
    (found,) = records(of(tmp_path, added, "USER app"), RunAs)

    assert (found.user, found.uid, found.is_named) == ("app", 10001, True)


def test_a_user_of_whom_nothing_says_the_number_has_none(tmp_path: Path) -> None:
    (found,) = records(of(tmp_path, "RUN useradd app", "USER app:5"), RunAs)

    assert (found.uid, found.gid) == (-1, 5)


def test_nothing_is_said_of_the_user_where_the_image_below_is_not_known(tmp_path: Path) -> None:
    found = standings(tmp_path, {"Dockerfile": 'FROM somebody/image:1\nCMD ["app"]'})

    assert records(found, RunAs) == []
    assert records(found, Health) == []
    assert records(found, FirstProcess) == []


@pytest.mark.parametrize(
    "step",
    [
        "RUN apt-get update",
        "RUN cd / && apt-get -y install x",
        "RUN groupadd app",
        'RUN ["sh", "-c", "apk add x"]',
    ],
)
def test_a_step_that_needs_root_is_told_with_the_user_that_runs_it(tmp_path: Path, step: str) -> None:
    found = of(tmp_path, "USER 7", step)

    (told,) = [each for each in found if isinstance(each.standing, PrivilegedStep)]
    assert told.location == SourceLocation("Dockerfile", 3)
    assert told.related == (SourceLocation("Dockerfile", 2),)


@pytest.mark.parametrize(
    "lines",
    [
        ("RUN apt-get update",),
        ("USER 7", "USER root", "RUN apt-get update"),
        ("USER 7", "RUN sudo apt-get update"),
        ("USER 7", "RUN apt-get update || true"),
        ("USER 7", "RUN if test -w /; then apt-get update; fi"),
        ("USER 7", "RUN echo apt-get install"),
        ("USER 7", "RUN pip install --user x"),
        ("USER $WHO", "RUN apt-get update"),
    ],
)
def test_a_step_that_root_runs_or_that_may_fail_is_not_told(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert records(of(tmp_path, *lines), PrivilegedStep) == []


def test_a_named_user_without_a_number_is_less_sure_to_be_another_than_root(tmp_path: Path) -> None:
    found = of(tmp_path, "USER app", "RUN apt-get update")

    assert [e.confidence for e in found if isinstance(e.standing, PrivilegedStep)] == [Confidence.LIKELY]


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("RUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*", "compiler"),
        ("RUN apt-get install -y libpq-dev=15", "headers"),
        ("RUN apt-get install -y cmake", "build-tool"),
        ("RUN apk add --no-cache build-base", "compiler"),
        ("RUN apt-get update", "package-lists"),
        ("RUN pip install x", "pip-cache"),
        ("RUN python3 -m pip install x", "pip-cache"),
        ("RUN uv pip install --system x", "pip-cache"),
    ],
)
def test_what_only_the_build_needs_is_told(tmp_path: Path, step: str, kind: str) -> None:
    assert [each.kind for each in records(of(tmp_path, step), Leftover)] == [kind]


@pytest.mark.parametrize(
    "lines",
    [
        ("RUN apt-get install -y gcc && apt-get purge -y gcc",),
        ("RUN apt-get install -y gcc && apt-mark auto gcc && apt-get autoremove -y",),
        ("RUN apk add --virtual .build gcc && apk del .build",),
        ("RUN apt-get install -y libgl1 gcc-12-base",),
        ("RUN apt-get update && rm -rf /var/lib/apt/lists/*",),
        ("RUN --mount=type=cache,target=/var/lib/apt apt-get update",),
        ("RUN pip install --no-cache-dir x",),
        ("ENV PIP_NO_CACHE_DIR=1", "RUN pip install x"),
        ("RUN --mount=type=cache,target=/root/.cache/pip pip install x",),
        ("RUN pip install x && rm -rf /root/.cache",),
        ("RUN pip --version",),
        ("RUN echo gcc",),
    ],
)
def test_what_goes_in_the_same_step_is_not_left(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert records(of(tmp_path, *lines), Leftover) == []


def test_an_image_that_is_made_to_build_with_is_told_where_it_is_started_from(tmp_path: Path) -> None:
    text = "FROM python:3.11-slim AS build\nFROM python:3.11-slim\n"

    found = standings(tmp_path, {"Dockerfile": text}, carried=("gcc", "make"))

    assert [each.location for each in found if isinstance(each.standing, Leftover)] == [
        SourceLocation("Dockerfile", 2)
    ]
    assert [each.what for each in records(found, Leftover)] == ["gcc, make of python:3.11-slim"]


def test_a_stage_that_is_not_built_on_leaves_nothing(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11-slim AS build\nRUN apt-get update && apt-get install gcc\nFROM python:3.11-slim\n"
    )

    assert records(standings(tmp_path, {"Dockerfile": text}), Leftover) == []


@pytest.mark.parametrize(
    ("lines", "ignored", "is_told"),
    [
        (("COPY . /app",), "", True),
        (("ADD ./ /app",), "*.md", True),
        (("COPY .git/ /app/.git",), "", True),
        (("COPY .gitignore /app/",), "", False),
        (("COPY . /app",), ".git", False),
        (("COPY . /app",), "*\n!services", False),
        (("COPY services /app",), "", False),
        (("COPY --from=x . /app",), "", False),
    ],
)
def test_the_history_comes_with_the_whole_context_unless_it_is_left_out(
    tmp_path: Path, lines: tuple[str, ...], ignored: str, *, is_told: bool
) -> None:
    files = {
        "Dockerfile": "\n".join(("FROM python:3.11-slim", *lines)),
        ".git/HEAD": "x",
        ".dockerignore": ignored,
    }

    kinds = [each.kind for each in records(standings(tmp_path, files), Leftover)]

    assert kinds == (["repository"] if is_told else [])


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (("ARG HF_TOKEN", "ENV HF_TOKEN=${HF_TOKEN}"), ["HF_TOKEN"]),
        (("ARG X=1", "ENV API_KEY=$X"), ["API_KEY"]),
        (("ARG HF_TOKEN",), []),
        (("ENV API_KEY=$GIVEN",), []),
        (("ARG X", "ENV NAME=$X"), []),
        (("ENV HF_TOKEN=hf_" + "a" * 34,), ["HF_TOKEN"]),
    ],
)
def test_a_secret_is_literal_or_an_argument_that_env_keeps(
    tmp_path: Path, lines: tuple[str, ...], names: list[str]
) -> None:
    assert [each.name for each in records(of(tmp_path, *lines), Secret)] == names


START = ("WORKDIR /app", "COPY services/ services/")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ('CMD ["python3", "services/gone.py"]', "services/gone.py"),
        ('CMD ["python3", "-u", "services/gone.py"]', "services/gone.py"),
        ('CMD ["python3", "-m", "services.gone"]', "services.gone"),
        ('ENTRYPOINT ["tini", "--"]\nCMD ["python3", "app.py"]', "app.py"),
        ('CMD ["uvicorn", "services.gone:app"]', "services.gone"),
        ('CMD ["/app/start.sh"]', "/app/start.sh"),
        ("CMD python3 services/gone.py --port 80", "services/gone.py"),
        ('ENTRYPOINT ["sh", "-c", "exec uvicorn services.gone:app"]', "services.gone"),
        ('RUN pip install tool==1 >/dev/null 2>&1\nCMD ["/app/start.sh"]', "/app/start.sh"),
    ],
)
def test_a_file_that_nothing_copies_is_missing(tmp_path: Path, command: str, name: str) -> None:
    found = records(of(tmp_path, *START, command, services__web__app_py="x"), StartFile)

    assert [each.name for each in found] == [name]


@pytest.mark.parametrize(
    "lines",
    [
        (*START, 'CMD ["python3", "services/app.py"]'),
        (*START, 'CMD ["python3", "-m", "services.app"]'),
        (*START, 'CMD ["python3", "-m", "uvicorn", "services.gone:app"]'),
        (*START, 'CMD ["python3", "-m", "http.server"]'),
        (*START, 'CMD ["uvicorn", "--app-dir", "x", "services.gone:app"]'),
        (*START, "RUN make", 'CMD ["python3", "services/gone.py"]'),
        (*START, "RUN echo 'exec x' > start.sh", 'CMD ["/app/start.sh"]'),
        (*START, "RUN { echo '#!/bin/sh'; echo 'exec x'; } >/app/start.sh", 'CMD ["/app/start.sh"]'),
        (*START, "RUN pip install -t /app tool==1", 'CMD ["python3", "-m", "services.gone"]'),
        (*START, "COPY --from=other / /", 'CMD ["python3", "services/gone.py"]'),
        (*START, "COPY serv* ./services/", 'CMD ["python3", "services/gone.py"]'),
        (*START, 'CMD ["/usr/bin/start.sh"]'),
        (*START, "CMD python3 services/app.py"),
        (*START, "CMD cd other && python3 gone.py"),
        (*START, "CMD python3 services/$NAME.py"),
        (*START, "CMD [ -f x ] || python3 services/gone.py"),
        (*START, "COPY --parents other/gone.py /app/services", 'CMD ["python3", "services/other/gone.py"]'),
        (*START, "COPY dist/ services/", 'CMD ["python3", "services/gone.py"]'),
        ("WORKDIR /app", "COPY services/app.py .", 'CMD ["python3", "gone.py"]'),
        ("WORKDIR $WHERE", "COPY services/ services/", 'CMD ["python3", "services/gone.py"]'),
    ],
)
def test_a_file_that_may_be_there_is_not_missing(tmp_path: Path, lines: tuple[str, ...]) -> None:
    files = {"Dockerfile": "\n".join(("FROM python:3.11-slim", *lines)), "services/app.py": "x"}

    assert records(standings(tmp_path, files), StartFile) == []


@pytest.mark.parametrize(
    ("line", "is_missing"),
    [
        ("RUN apt-get install -y curl=1", True),
        ("COPY x /opt/x", True),
        ("RUN git clone https://example.org/x /app/services", False),
        ("ONBUILD COPY . /app", False),
        ("COPY x /app", False),
        ("COPY x app", False),
    ],
)
def test_what_an_image_below_may_bring_is_not_missing(tmp_path: Path, line: str, *, is_missing: bool) -> None:
    base = f"FROM python:3.11-slim\n{line}\n"
    own = "\n".join(("FROM base:1", *START, 'CMD ["python3", "services/gone.py"]'))
    files = {"base/Dockerfile": base, "Dockerfile": own, "services/app.py": "x"}

    assert bool(records(standings(tmp_path, files), StartFile)) is is_missing


def test_a_file_that_dockerignore_leaves_out_is_missing(tmp_path: Path) -> None:
    lines = ("FROM python:3.11-slim", *START, 'CMD ["python3", "services/app.py"]')
    files = {"Dockerfile": "\n".join(lines), "services/app.py": "x", ".dockerignore": "**/app.py\n"}

    (found,) = records(standings(tmp_path, files), StartFile)

    assert found.reason == "services/app.py is not in the context: line 1 of .dockerignore leaves it out"


@pytest.mark.parametrize(
    ("test", "port", "is_disabled"),
    [
        ("[CMD, curl, 'http://localhost:7200/health']", "7200", False),
        ("[CMD-SHELL, 'curl http://localhost:7200/health || exit 1']", "7200", False),
        ("curl http://localhost:7200/health", "7200", False),
        ("[NONE]", "", True),
    ],
)
def test_a_compose_file_may_bring_the_init_and_the_check(
    tmp_path: Path, test: str, port: str, *, is_disabled: bool
) -> None:
    compose = f"services:\n  web:\n    build: .\n    init: true\n    healthcheck:\n      test: {test}\n"
    files = {"Dockerfile": "FROM python:3.11-slim\nHEALTHCHECK CMD curl -f http://localhost:1/x"}

    found = standings(tmp_path, {**files, "compose.yaml": compose})

    assert [each.has_outer_init for each in records(found, FirstProcess)] == [True]
    assert [(each.port, each.is_disabled) for each in records(found, Health)] == [(port, is_disabled)]
    assert [each.location for each in found if isinstance(each.standing, Health)] == [
        SourceLocation("compose.yaml", 6)
    ]


@pytest.mark.parametrize(
    "volume", ["./:/app", "code:/app:ro", "{type: bind, source: ., target: /app}", "$X:$Y"]
)
def test_what_a_compose_file_mounts_is_not_missing(tmp_path: Path, volume: str) -> None:
    compose = f"services:\n  web:\n    build: .\n    volumes:\n      - {volume}\n"
    lines = ("FROM python:3.11-slim", *START, 'CMD ["python3", "services/gone.py"]')
    files = {"Dockerfile": "\n".join(lines), "services/app.py": "x", "compose.yaml": compose}

    assert records(standings(tmp_path, files), StartFile) == []


@pytest.mark.parametrize(
    ("step", "lacking"),
    [
        ("RUN apt-get install -y netcat-openbsd=1.219-1", ""),
        ("RUN apt-get install -y busybox=1:1.35", ""),
        ("RUN apt-get install -y ncurses-bin=6.4", "nc"),
    ],
)
def test_a_program_may_come_in_a_package_of_another_name(tmp_path: Path, step: str, lacking: str) -> None:
    found = of(tmp_path, step, "HEALTHCHECK CMD nc -z localhost 8200")

    assert [each.lacking for each in records(found, Health)] == [lacking]


@pytest.mark.parametrize(
    "step", ["RUN apt-get install -y curl=7", "COPY --from=x /curl /usr/bin/", "RUN ./setup.sh"]
)
def test_a_program_that_a_step_may_bring_is_not_lacking(tmp_path: Path, step: str) -> None:
    check = "HEALTHCHECK CMD curl -f http://localhost:8200/health"

    assert [each.lacking for each in records(of(tmp_path, check), Health)] == ["curl"]
    assert [each.lacking for each in records(of(tmp_path, step, check), Health)] == [""]


def test_a_build_that_pushes_for_too_few_platforms_is_told(tmp_path: Path) -> None:
    manifest = (
        "version: 1\nfleet: f\nservices: []\n"
        "families: {base: {dockerfiles: [Dockerfile], platforms: [linux/amd64, linux/arm64]}}\n"
    )
    text = "ARG P=linux/arm64\nFROM --platform=$P python:3.11-slim AS a\nFROM --platform=linux/amd64/v2 a"

    found = records(standings(tmp_path, {"Dockerfile": text}, manifest=manifest), Platforms)

    assert [(each.source, each.missing) for each in found] == [("dockerfile", ("linux/arm64",))]


BUILT = BuiltImage(
    run=RunConfiguration(
        user=Setting("0"),
        cmd=CommandLine(("python3", "app.py")),
        labels=(Variable("a", "b"),),
    ),
    platforms=("linux/arm64",),
    layers=(
        Layer(DiffID("sha256:1"), size=2_000_000, created_by="RUN big"),
        Layer(DiffID("sha256:2"), size=5),
    ),
    compressed_bytes=2_000_005,
    attestations=0,
)
BASE = {"base/Dockerfile": 'FROM python:3.11-slim\nUSER 10001\nLABEL a=b\nCMD ["python3", "app.py"]'}
ALONE = """\
version: 1
fleet: f
families: {base: {dockerfiles: [base/Dockerfile], size_budget_mb: 1}}
services: []
"""


def test_what_a_built_image_says_otherwise_is_told_of_it_and_the_rest_once(tmp_path: Path) -> None:
    found = standings(tmp_path, BASE, manifest=ALONE, built=BUILT)

    assert [(each.image, each.uid) for each in records(found, RunAs)] == [
        ("base", 10001),
        ("base, as it was built,", 0),
    ]
    assert len(records(found, FirstProcess)) == 1
    built = [
        (each.is_built, each.are_labels_whole, each.attestations) for each in records(found, ImageLabels)
    ]
    assert built == [(False, True, -1), (True, False, 0)]


def test_the_size_of_a_built_image_stands_beside_its_budget(tmp_path: Path) -> None:
    (found,) = records(standings(tmp_path, BASE, manifest=ALONE, built=BUILT), ImageSize)

    assert (found.compressed_mb, found.budget_mb, found.layers) == (2.000005, 1.0, 2)
    assert (found.largest_mb, found.largest_layer) == (2.0, "RUN big")


@pytest.mark.parametrize(
    ("name", "text", "is_told"),
    [
        ("compose.yaml", "services: {web: {build: {context: .}}}", True),
        ("compose.yaml", "services: {web: {build: {context: ., labels: {a: b}}}}", False),
        ("build.sh", "docker build --label a=b .", False),
        (
            ".github/workflows/a.yml",
            "on: push\njobs: {a: {runs-on: x, steps: [{run: docker build .}]}}",
            False,
        ),
    ],
)
def test_labels_of_a_dockerfile_count_where_no_build_may_add_some(
    tmp_path: Path, name: str, text: str, *, is_told: bool
) -> None:
    found = standings(tmp_path, {"Dockerfile": "FROM python:3.11-slim\n", name: text})

    assert [each.are_labels_whole for each in records(found, ImageLabels)] == ([True] if is_told else [])


def test_ports_are_held_against_those_of_the_service_alone(tmp_path: Path) -> None:
    found = records(of(tmp_path, "EXPOSE 7200 53/udp"), ExposedPort)

    assert [(each.port, each.protocol, each.ports) for each in found] == [
        ("7200", "tcp", ("7200", "8200")),
        ("53", "udp", ("7200", "8200")),
    ]


def test_without_a_manifest_an_image_is_told_by_its_dockerfile(tmp_path: Path) -> None:
    found = standings(tmp_path, {"a/Dockerfile": "FROM python:3.11-slim\nUSER 0"}, manifest="")

    assert [(each.image, each.role, each.wanted) for each in records(found, RunAs)] == [
        ("a/Dockerfile", "other", "")
    ]
