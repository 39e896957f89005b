"""The images that Helm charts name in their values and templates."""

from time import process_time

import pytest

from fleet_audit.audit.configuration.located import load_foreign
from fleet_audit.audit.dockerfiles.references.in_charts import (
    Chart,
    references_in_template,
    references_in_values,
)

VALUES = """
image: {registry: acme.example, repository: house/web, tag: 1.20}
sidecar:
  image: acme/side:2
proxyImage: {repository: envoy, digest: "sha256:%s"}
icon: {image: logo.png}
images: {list: [a/b:1]}
worker:
  image: {repository: acme.example/house/worker}
registry: acme.example
tools: {name: tools}
""" % ("a" * 64)

CHART = "name: house\nappVersion: 4.10\n"


def chart() -> Chart:
    documents = [load_foreign(text, name="x").documents[0] for text in (VALUES, CHART)]
    return Chart(*documents)


def test_values_name_images_as_texts_and_as_maps() -> None:
    found = references_in_values("values.yaml", load_foreign(VALUES, name="x").documents[0].view())

    assert sorted((each.location.line, each.repository_name, each.tag, each.unknown) for each in found) == [
        (2, "acme.example/house/web", "1.20", ()),
        (4, "docker.io/acme/side", "2", ()),
        (5, "docker.io/library/envoy", "", ("tag",)),
        (9, "acme.example/house/worker", "", ("tag", "digest")),
    ]


@pytest.mark.parametrize(
    ("line", "resolved"),
    [
        ("image: acme/web:1 # the first", "docker.io/acme/web:1"),
        (
            '- image: "{{ .Values.registry }}/{{ .Values.tools.name }}:{{ .Chart.AppVersion }}"',
            "acme.example/tools:4.10",
        ),
        ('image: acme/web:{{ .Values.absent | default "7" | quote }}', "docker.io/acme/web:7"),
        ("image: acme/web:{{ default .Chart.AppVersion .Values.absent }}", "docker.io/acme/web:4.10"),
    ],
)
def test_a_template_names_an_image_with_its_values_in_place(line: str, resolved: str) -> None:
    (reference,) = references_in_template("templates/a.yaml", f"a:\n  {line}\n", chart(), "values.yaml")

    assert (reference.location.line, reference.resolved) == (2, resolved)


def test_the_lines_of_the_values_are_related() -> None:
    text = "image: {{ .Values.registry }}/web:{{ .Values.image.tag }}"

    (reference,) = references_in_template("t.yaml", text, chart(), "values.yaml")

    assert [str(place) for place in reference.related] == ["values.yaml:2", "values.yaml:10"]


def test_what_a_function_makes_is_not_known() -> None:
    text = 'image: acme/web:{{ printf "%s" .Values.x }}\n'

    (reference,) = references_in_template("t.yaml", text, chart(), "values.yaml")

    assert (reference.repository_name, reference.unknown) == ("docker.io/acme/web", ("tag", "digest"))


def test_what_a_function_makes_whole_is_listed_as_not_known() -> None:
    text = 'image: {{ include "house.image" . }}\n'

    (reference,) = references_in_template("t.yaml", text, chart(), "values.yaml")

    assert (reference.resolved, len(reference.unknown)) == ("", 4)


@pytest.mark.parametrize(
    "line",
    [
        "image: {{ .Values.sidecar.image }}",
        "image: {{- with .Values.image }}",
        "# image: acme/web:1",
        "imagePullPolicy: Always",
        "image:",
        "image: a {{ unclosed",
    ],
)
def test_lines_that_say_no_more_than_the_values_are_left_out(line: str) -> None:
    assert list(references_in_template("t.yaml", line, chart(), "values.yaml")) == []


def test_templates_that_want_to_be_slow_are_not() -> None:
    hostile = "\n".join(
        ("image: " + "{{ " * 300, "image: x" + " " * 980, "image: {{" + '"' * 900 + "}}") * 300
    )
    start = process_time()

    assert len(list(references_in_template("t.yaml", hostile, chart(), "v"))) <= 900
    assert process_time() - start < 2
