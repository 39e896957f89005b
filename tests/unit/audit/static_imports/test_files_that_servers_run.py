"""Configuration of a server that is Python itself, and runs before the application."""

import pytest

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import TAG, examination

IMAGE: dict[str, str | bytes] = {
    f"{name}{TAG}": b"" for name in ("app_needs", "conf_needs", "hook_needs", "late_needs")
}
CONF = (
    "import conf_needs\nworkers = 4\ndef post_fork(server, worker):\n    import hook_needs\n"
    "def worker_exit(server, worker):\n    import late_needs\n"
)


def levels(*command: str, root: str = "", **files: str) -> dict[str, Level]:
    sources = {"app.py": "import app_needs\napp = 1\n"}
    sources |= {
        name.replace("__", "/").replace("_conf", ".conf") + ".py": text for name, text in files.items()
    }
    service = ServiceCode("svc", "app:app", ("app.py",), root=root, commands=command)
    found = examination(sources, IMAGE, services=(service,)).services[0]
    return {e.module: e.level for e in found.extension_modules}


CONFIGURED = {
    "app_needs": Level.CERTAIN,
    "conf_needs": Level.CERTAIN,
    "hook_needs": Level.CERTAIN,
    "late_needs": Level.LAZY,
}


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "-c", "etc/served.py", "app:app"),
        ("/usr/bin/gunicorn", "app:app", "--config", "etc/served.py"),
        ("python", "-m", "gunicorn", "--config=file:etc/served.py", "app:app"),
        ("tini", "--", "gunicorn", "-cetc/served.py", "app:app"),
        ("gunicorn", "-c", "python:etc.served", "app:app"),
        ("gunicorn", "-c", "gone.py", "-c", "etc/served.py", "app:app"),
    ],
)
def test_the_configuration_that_the_command_line_names_runs_with_its_hooks(command: tuple[str, ...]) -> None:
    assert levels(*command, etc__served=CONF) == CONFIGURED


def test_without_a_name_it_is_the_file_in_the_folder_that_the_service_starts_in() -> None:
    assert levels("gunicorn", "app:app", gunicorn_conf=CONF) == CONFIGURED
    assert levels("gunicorn", "app:app", deploy__gunicorn_conf=CONF) == {"app_needs": Level.CERTAIN}
    assert levels("gunicorn", "-c", "other.py", "app:app", gunicorn_conf=CONF) == {"app_needs": Level.CERTAIN}


def test_a_path_in_the_image_is_probably_the_file_of_the_repository_that_ends_so() -> None:
    probable = {name: max(level, Level.PROBABLE) for name, level in CONFIGURED.items() if name != "app_needs"}
    expected = {"app_needs": Level.CERTAIN, **probable}

    assert levels("gunicorn", "-c", "/srv/app/etc/served.py", "app:app", etc__served=CONF) == expected
    assert levels("gunicorn", "-c", "/srv/other/served.py", "app:app", etc__served=CONF) == {"app_needs": 0}


@pytest.mark.parametrize(
    "command", [(), ("uvicorn", "app:app", "-c", "gunicorn.conf.py"), ("python", "gunicorn.conf.py")]
)
def test_another_server_does_not_run_it(command: tuple[str, ...]) -> None:
    assert levels(*command, gunicorn_conf=CONF) == {"app_needs": Level.CERTAIN}


@pytest.mark.parametrize(
    "name", ["", "..", "/", "\0", "x" * 10_000, "file:", "python:", "python:.", "etc", "/" * 5000]
)
def test_a_name_that_leads_nowhere_is_passed_over(name: str) -> None:
    assert levels("gunicorn", "-c", name, "app:app", etc__x="") == {"app_needs": Level.CERTAIN}
