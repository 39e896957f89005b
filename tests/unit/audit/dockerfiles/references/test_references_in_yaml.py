"""Which YAML files are asked for images, and how each is read."""

from fleet_audit.audit.dockerfiles.references.in_yaml import references_in_yaml
from fleet_audit.audit.dockerfiles.repository import MAX_TEXT, Repository
from fleet_audit.audit.model.finding import GapKind
from tests.support.trees import tree

POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: 'acme/a:1'}]}\n"
CHART = {
    "charts/house/Chart.yaml": "apiVersion: v2\nname: house\nappVersion: 4.10\n",
    "charts/house/values.yaml": "image: {repository: acme/web, tag: 1}\ntools: acme/tools\n",
}


def written(files: dict[str, str]) -> tuple[list[tuple[str, int, str]], Repository]:
    repository = Repository(tree(files))
    found = [
        (each.location.path, each.location.line, each.written) for each in references_in_yaml(repository)
    ]
    return sorted(found), repository


def test_each_file_is_read_as_what_it_is() -> None:
    files = {
        "pod.yaml": POD,
        "deploy/kustomization.yaml": "images: [{name: web, newName: acme/web, newTag: v1}]\n",
        "deploy/values-prod.yaml": "web: {image: 'acme/web:2'}\n",
        "notes.yaml": "image: acme/notes:1\n",
        "mkdocs.yml": "theme: {image: acme/no:1}\napiVersion: none\n",
        "compose.yaml": "services: {a: {image: 'acme/compose:1'}}\n",
    }

    assert written(files)[0] == [
        ("deploy/kustomization.yaml", 1, "acme/web:v1"),
        ("deploy/values-prod.yaml", 1, "acme/web:2"),
        ("pod.yaml", 3, "acme/a:1"),
    ]


def test_templates_of_a_chart_are_no_damaged_yaml_and_repeat_nothing() -> None:
    template = (
        "{{- if .Values.image }}\n"
        'image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"\n'
        'image: "{{ .Values.tools }}:{{ .Chart.AppVersion }}"\n'
        "{{- end }}\n"
    )

    found, repository = written({**CHART, "charts/house/templates/sub/pod.yaml": template})

    assert found == [
        ("charts/house/templates/sub/pod.yaml", 3, "{{ .Values.tools }}:{{ .Chart.AppVersion }}"),
        ("charts/house/values.yaml", 1, "acme/web:1"),
    ]
    assert repository.gaps == ()


def test_objects_of_flux_hold_values_and_lists_of_images() -> None:
    release = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
        "spec: {values: {image: {repository: acme/web, tag: 1}}}\n"
    )
    kustomization = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "spec: {images: [{name: web, newTag: v2}]}\n"
    )

    assert written({"a.yaml": release, "b.yaml": kustomization})[0] == [
        ("a.yaml", 3, "acme/web:1"),
        ("b.yaml", 3, "web:v2"),
    ]


def test_a_folder_of_templates_without_a_chart_is_read_as_any_other() -> None:
    assert written({"templates/pod.yaml": POD})[0] == [("templates/pod.yaml", 3, "acme/a:1")]


def test_yaml_with_the_marks_of_a_template_is_read_line_by_line() -> None:
    text = "apiVersion: v1\n{% if a %}\nspec: {{ spec }}\n      - image: acme/web:{{ tag }}\n{% endif %}\n"

    found, repository = written({"pod.yaml": text})

    assert found == [("pod.yaml", 4, "acme/web:…")]
    assert repository.gaps == ()


def test_damaged_yaml_that_may_name_images_is_a_gap_and_other_damaged_yaml_is_nobodys() -> None:
    _, repository = written({"pod.yaml": POD + "spec: [\n", "data.yaml": "a: [image\n"})

    assert [(gap.what, gap.kind) for gap in repository.gaps] == [("pod.yaml", GapKind.UNREADABLE_FILE)]


def test_a_file_that_is_too_large_is_said_not_to_be_examined() -> None:
    _, repository = written({"data.yaml": "#" * (MAX_TEXT + 1)})

    assert [(gap.what, gap.kind) for gap in repository.gaps] == [("data.yaml", GapKind.NOT_EXAMINED)]
