"""Texts that are meant as JSON arrays, and what Docker makes of them."""

import pytest

from fleet_audit.audit.dockerfiles.language.misread_arrays import misread_array
from fleet_audit.audit.dockerfiles.language.parsing import parse


def misread(line: str) -> str:
    return misread_array(parse(f"FROM a\n{line}\n").instructions[-1])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("CMD ['python3', 'app.py']", "['python3', 'app.py']"),
        ('CMD ["python3", "app.py"] # as ever', '["python3", "app.py"] # as ever'),
        ('ENTRYPOINT ["python3",]', '["python3",]'),
        ('ENTRYPOINT ["python3" "app.py"]', '["python3" "app.py"]'),
        ('ENTRYPOINT ["python3", "app.py"', '["python3", "app.py"'),
        ("CMD [python3, app.py]", "[python3, app.py]"),
        ("CMD [python3]", "[python3]"),
        ("RUN [ \"make\", 'all' ]", "[ \"make\", 'all' ]"),
        ('RUN ["a\\d"]', '["a\\d"]'),
        ("HEALTHCHECK --interval=5s CMD ['curl', 'x']", "['curl', 'x']"),
        ("VOLUME ['/data']", "['/data']"),
    ],
)
def test_what_is_nearly_an_array_is_text(line: str, text: str) -> None:
    assert misread(line) == text


@pytest.mark.parametrize(
    "line",
    [
        'CMD ["python3", "app.py"]',
        "CMD []",
        "CMD python3 app.py",
        "RUN [ -f /x ]",
        'RUN [ "$a" = "b, c" ]',
        "RUN [ -f x ] && [ -f y ]",
        "RUN [[ -f x ]]",
        "HEALTHCHECK NONE",
        "HEALTHCHECK CMD [ -f /x ]",
        'HEALTHCHECK CMD ["curl", "x"]',
        "VOLUME /a /b",
        "COPY ['a', 'b']",
    ],
)
def test_arrays_commands_and_other_instructions_are_as_they_stand(line: str) -> None:
    assert misread(line) == ""


def test_a_text_of_any_length_is_told_at_once() -> None:
    assert misread("RUN [" + "a " * 100_000) == ""
    assert misread("RUN [a" + ",]" * 100_000) == ""
