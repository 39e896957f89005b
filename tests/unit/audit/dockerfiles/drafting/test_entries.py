"""Which file of the repository a command of an image starts."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.dockerfiles.drafting.entries import NOTHING, Entry, Ground, entry_of
from fleet_audit.audit.dockerfiles.drafting.shipping import Shipped
from fleet_audit.audit.dockerfiles.repository import Repository
from tests.support.trees import tree

CODE = {
    "backend/manage.py": "",
    "backend/shop/__init__.py": "",
    "backend/shop/celery.py": "",
    "backend/shop/wsgi.py": "",
    "backend/src/acme/server.py": "",
    "backend/app.py": "",
}
IN_IMAGE = (Shipped("backend", "/srv"), Shipped("docker/start.sh", "/start.sh"))


def _entry(words: list[str], files: Mapping[str, str | bytes] | None = None, **env: str) -> Entry:
    repository = Repository(tree({**CODE, **(files or {})}))
    entry = entry_of(words, "/srv", Ground(repository, IN_IMAGE, env.get))
    assert repository.gaps == ()
    return entry


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("gunicorn -w 4 shop.wsgi:application", "module:shop.wsgi"),
        ("gunicorn --chdir shop wsgi", "module:wsgi"),
        ("python -m gunicorn shop.wsgi", "module:shop.wsgi"),
        ("celery -A shop worker -l info", "module:shop.celery"),
        ("celery --app=shop.wsgi:x beat", "module:shop.wsgi"),
        ("flask --app app run", "module:app"),
        ("flask run", "module:app"),
        ("python manage.py runserver", "backend/manage.py"),
        ("streamlit run app.py", "backend/app.py"),
        ("dramatiq shop.wsgi --processes 2", "module:shop.wsgi"),
        ("poetry run python -m acme.server", "module:acme.server"),
        ("uv run --project . -p 3.11 app.py", "backend/app.py"),
        ("ddtrace-run python app.py", "backend/app.py"),
        ("tini -g -- gosu app:app env A=b python3.11 -u app.py", "backend/app.py"),
    ],
)
def test_what_runs_python_code_is_asked_for_that_code(command: str, name: str) -> None:
    assert _entry(command.split()).name == name


@pytest.mark.parametrize(
    "command",
    [
        "python",
        "python -c x",
        "gunicorn",
        "celery worker",
        "streamlit hello",
        "pytest",
        "nginx -g x",
        "uv sync",
    ],
)
def test_what_runs_no_code_of_the_repository_has_no_entry(command: str) -> None:
    assert _entry(command.split()) == NOTHING


def test_variables_of_the_image_name_the_application() -> None:
    assert _entry(["flask", "run"], FLASK_APP="shop.wsgi:make()").name == "module:shop.wsgi"
    assert _entry(["python", "-m", "acme.server"], PYTHONPATH="/x:/srv/src").root == "backend/src"


@pytest.mark.parametrize(
    "words", [["/start.sh"], ["sh", "-e", "/start.sh"], ["/bin/sh", "-c", "exec /start.sh"]]
)
def test_a_script_is_followed_to_what_it_starts(words: list[str]) -> None:
    script = "#!/bin/sh\npython manage.py migrate\ncd shop\nexec gunicorn wsgi:app --bind $HOST\n"
    assert _entry(words, {"docker/start.sh": script}) == Entry(
        "module:wsgi", "backend/shop", "docker/start.sh:4"
    )


def test_a_script_that_starts_another_is_followed_there_and_no_circle_without_end() -> None:
    files = {"docker/start.sh": "#!/bin/bash\n/start.sh\nbash run.sh\n", "backend/run.sh": "python app.py\n"}
    assert _entry(["/start.sh"], files) == Entry("backend/app.py", "", "backend/run.sh:1")


def test_a_script_starts_what_it_is_given() -> None:
    script = '#!/bin/sh\npython manage.py migrate\nexec "$@"\n'
    given = ["/start.sh", "celery", "-A", "shop", "worker"]
    assert _entry(given, {"docker/start.sh": script}).name == "module:shop.celery"
    assert _entry(["/start.sh"], {"docker/start.sh": script}).name == "backend/manage.py"


def test_a_script_that_starts_one_thing_or_the_other_starts_nothing_that_is_known() -> None:
    script = "case $1 in\nweb) exec python app.py ;;\njob) exec python manage.py job ;;\nesac\n"
    assert _entry(["/start.sh", "web"], {"docker/start.sh": script}) == NOTHING
    one = script.replace("manage.py job", "app.py --job")
    assert _entry(["/start.sh", "web"], {"docker/start.sh": one}).name == "backend/app.py"


def test_a_program_without_a_suffix_may_be_a_python_script() -> None:
    files: dict[str, str | bytes] = {
        "backend/serve": "#!/usr/bin/env python3\n",
        "backend/tool": b"\x7fELF\0",
        "backend/x": "#!/bin/awk -f\n",
    }
    assert _entry(["./serve"], files).name == "backend/serve"
    assert _entry(["./tool"], files) == _entry(["./x"], files) == NOTHING


@pytest.mark.parametrize("table", ["project.scripts", "tool.poetry.scripts"])
def test_an_entry_point_of_the_project_leads_to_its_module(table: str) -> None:
    files = {"backend/pyproject.toml": f'[{table}]\nacme-server = "acme.server:main"\ngone = "acme.no:x"\n'}
    assert _entry(["acme-server"], files) == Entry("module:acme.server", "backend/src")
    assert _entry(["gone"], files) == _entry(["other"], files) == NOTHING


@pytest.mark.parametrize(
    "text", ["x", "project = 1", "[project]\nscripts = 3", "[tool]\npoetry = []", "a = " + "[" * 9999]
)
def test_a_damaged_project_has_no_entry_points(text: str) -> None:
    assert _entry(["acme-server"], {"backend/pyproject.toml": text}) == NOTHING


def test_hostile_scripts_end_soon() -> None:
    long = "A=" + "x" * 9000 + "\nfor i in " + "1 " * 20 + "; do run " + "$A " * 900 + "; done\n"
    nested = "sh -c " * 20_000
    wrapped = "env poetry run " * 10_000
    for script in (long, nested, wrapped, 'exec "$@"\n/start.sh\n' * 1000):
        assert _entry(["/start.sh", "/start.sh"], {"docker/start.sh": script}) == NOTHING
    assert _entry(["poetry", "run"] * 50_000) == NOTHING
