"""Which commands the files of process managers are known to start."""

import pytest

from fleet_audit.audit.static_imports.distributions.start_files import started_words
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import distribution, examination
from tests.support.trees import tree


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("supervisord.conf", "[program:web]\n; uvicorn\ncommand = /opt/venv/bin/gunicorn -w 2 app:app\n"),
        ("web.service", "[Service]\nExecStart=/usr/bin/env gunicorn app:app\n"),
        ("Procfile", "web: gunicorn app:app\n"),
        ("start.sh", "#!/bin/sh\n# uvicorn\nexec gunicorn app:app\n"),
        ("entrypoint.sh", "python -m gunicorn app:app || exit 1\n"),
    ],
)
def test_the_commands_of_a_file_that_starts_programs_are_known(file: str, text: str) -> None:
    words = started_words(tree({f"svc/deep/{file}": text}), ["svc"])
    assert "gunicorn" in words
    assert "uvicorn" not in words


def test_other_files_start_nothing() -> None:
    files = {
        "svc/notes.md": "command = gunicorn\n",
        "svc/app.py": "gunicorn\n",
        "other/start.sh": "gunicorn\n",
    }
    assert started_words(tree(files), ["svc", "gone"]) == frozenset()


def test_files_that_are_long_or_too_many_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert started_words(tree({"svc/a.sh": "gunicorn " * 50_000}), ["svc"]) == frozenset()
    monkeypatch.setattr("fleet_audit.audit.static_imports.distributions.start_files.MAX_FILES", 1)
    assert started_words(tree({"svc/a.sh": "one\n", "svc/b.sh": "two\n"}), ["svc"]) == {"one"}


def test_a_required_server_that_such_a_file_starts_is_not_called_unused() -> None:
    scripts = "[console_scripts]\n{0} = {0}:main\n"
    image: dict[str, str | bytes] = {}
    for name in ("gunicorn", "black"):
        image |= distribution(name, "1", {f"{name}.py": ""})
        image[f"{name}-1.dist-info/entry_points.txt"] = scripts.format(name)
    sources = {"svc/app.py": "", "svc/r.txt": "gunicorn\nblack\n", "svc/start.sh": "exec gunicorn app:app\n"}
    for entry, expected in (("svc/app.py", ()), ("app:app", ("black",))):
        service = ServiceCode("svc", entry, ("svc",), pythonpath=("svc",), requirements=("svc/r.txt",))
        (answer,) = examination(sources, image, services=[service]).services
        assert answer.unused_distributions == expected
