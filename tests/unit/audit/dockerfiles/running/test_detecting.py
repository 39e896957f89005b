"""By what services are known that run in an image."""

import pytest

from fleet_audit.audit.dockerfiles.running.detecting import (
    Seen,
    detected,
    imported_names,
    started_programs,
)
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.inspection import Sign
from tests.support import packaged


@pytest.fixture
def knowledge() -> Knowledge:
    return packaged.knowledge()


def found(knowledge: Knowledge, seen: Seen) -> list[tuple[str, Confidence]]:
    return [(service.id, service.confidence) for service in detected(seen, knowledge.services)]


def test_what_is_started_is_certain(knowledge: Knowledge) -> None:
    (redis,) = detected(Seen(programs={"redis-server": "CMD"}, ports={6379: "EXPOSE"}), knowledge.services)

    assert (redis.id, redis.kind, redis.confidence) == ("redis", "cache", Confidence.CERTAIN)
    assert redis.signs == (Sign("program", "redis-server", "CMD"), Sign("port", "6379", "EXPOSE"))


def test_what_is_installed_and_exposed_or_configured_is_likely(knowledge: Knowledge) -> None:
    exposed = Seen(packages={"postgresql-15": ""}, ports={5432: ""})
    configured = Seen(packages={"nginx": ""}, has_file=lambda path: path == "/etc/nginx/nginx.conf")

    assert found(knowledge, exposed) == [("postgresql", Confidence.LIKELY)]
    assert found(knowledge, configured) == [("nginx", Confidence.LIKELY)]


def test_what_is_only_installed_is_possible_and_comes_last(knowledge: Knowledge) -> None:
    seen = Seen(programs={"gunicorn": ""}, distributions={"celery": "", "gunicorn": ""})

    assert found(knowledge, seen) == [("gunicorn", Confidence.CERTAIN), ("celery", Confidence.POSSIBLE)]


def test_a_port_or_a_file_alone_says_nothing(knowledge: Knowledge) -> None:
    assert found(knowledge, Seen(ports={6379: "", 80: ""}, has_file=lambda _: True)) == []


def test_what_the_program_imports_is_likely(knowledge: Knowledge) -> None:
    seen = Seen(imports=imported_names("import os\nfrom fastapi import FastAPI\n", "app.py"))

    (service,) = detected(seen, knowledge.services)

    assert (service.id, service.confidence) == ("fastapi", Confidence.LIKELY)
    assert service.signs == (Sign("import", "fastapi", "app.py:2"),)


@pytest.mark.parametrize(
    "source", ["import flask as (", "def f():\n    import flask\n", "from . import flask", "#\0"]
)
def test_what_is_not_imported_outright_is_no_sign(source: str) -> None:
    assert "flask" not in imported_names(source, "app.py")


def test_clients_are_no_servers(knowledge: Knowledge) -> None:
    seen = Seen(
        packages={"postgresql-client-15": "", "redis-tools": ""}, distributions={"redis": "", "psycopg2": ""}
    )

    assert found(knowledge, seen) == []


@pytest.mark.parametrize(
    ("words", "programs"),
    [
        (("tini", "--", "nginx", "-g", "daemon off;"), {"nginx"}),
        (("python3", "-m", "uvicorn", "app:app"), {"python3", "uvicorn"}),
        (("python3", "-u", "-m", "celery.bin"), {"python3", "celery"}),
        (("python3", "app.py", "-m", "uvicorn"), {"python3"}),
        (("/bin/sh", "-c", "exec gunicorn app:app"), {"gunicorn"}),
        (("sh", "-c", "redis-server & exec python3 -m uvicorn a:b"), {"redis-server", "python3", "uvicorn"}),
        (("/start.sh", "memcached"), {"start.sh", "nginx", "memcached"}),
        (("bash", "/start.sh"), {"bash", "nginx"}),
        (("bash", "-e", "start.sh"), {"bash", "memcached"}),
        ((), set()),
    ],
)
def test_programs_are_followed_through_inits_shells_and_scripts(
    words: tuple[str, ...], programs: set[str]
) -> None:
    scripts = {"/start.sh": '#!/bin/sh\nnginx\nexec "$@"\n', "./start.sh": "#!/bin/sh\nmemcached\n"}

    assert set(started_programs(words, "CMD", scripts.get)) == programs


def test_a_script_that_starts_itself_ends() -> None:
    assert set(started_programs(("/a.sh",), "CMD", {"/a.sh": "/a.sh; nginx"}.get)) == {"a.sh", "nginx"}


def test_a_program_in_a_script_stands_at_its_line() -> None:
    found = started_programs(("/start.sh",), "CMD", {"/start.sh": "#!/bin/sh\n\nnginx\n"}.get)

    assert found["nginx"] == "/start.sh:3"
