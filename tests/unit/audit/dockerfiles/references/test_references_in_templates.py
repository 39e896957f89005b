"""The images that templates of Dockerfiles and manifests name."""

from time import process_time

import pytest

from fleet_audit.audit.dockerfiles.references.in_templates import is_template, references_in_template_text


def found(text: str) -> list[tuple[int, str]]:
    return [(each.location.line, each.written) for each in references_in_template_text("Dockerfile.j2", text)]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("FROM acme/web:1", "acme/web:1"),
        ("FROM --platform=linux/amd64 acme/web:{{ tag }} AS base", "acme/web:…"),
        ("FROM {{ registry | default('acme') }}/web:1", "…/web:1"),
        ("FROM acme/web:<%= tag %>", "acme/web:…"),
        ("  - image: 'acme/web:${TAG}'  # the web", "acme/web:…"),
        ('"image": acme/web:1', "acme/web:1"),
    ],
)
def test_a_line_names_an_image_as_far_as_it_is_known(line: str, written: str) -> None:
    assert found(f"{{% if a %}}\n{line}\n") == [(2, written)]


@pytest.mark.parametrize(
    "line",
    [
        "FROM {{ base }}",
        "FROM {{ registry }}/{{ name }}:{{ tag }}",
        "FROM base",
        "# FROM acme/web:1",
        "FROM the beginning: it was/hard",
        "image: {{ include 'a' . }}",
        "image: Not A Reference",
        "images: acme/web:1",
        "RUN echo image: acme/web:1",
    ],
)
def test_a_line_that_names_nothing_certain_is_passed_over(line: str) -> None:
    assert found(line) == []


def test_marks_outside_of_quotes_make_yaml_a_template() -> None:
    assert is_template("a: {{ b }}\n")
    assert is_template("  {%- if a %}\n")
    assert not is_template("a: '{{ b }}'\nb: {c: {d: 1}}\n# x\n")


def test_templates_that_want_to_be_slow_are_not() -> None:
    hostile = "\n".join(("FROM " + "{{ " * 300, "FROM " + "${" * 450, "image: " + " " * 980 + "x") * 500)
    start = process_time()

    assert found(hostile) == []
    assert process_time() - start < 2
