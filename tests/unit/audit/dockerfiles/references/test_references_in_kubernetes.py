"""The images that Kubernetes objects and kustomizations name."""

from collections.abc import Iterator

import pytest

from fleet_audit.audit.configuration.located import Located, load_foreign
from fleet_audit.audit.dockerfiles.references.in_kubernetes import (
    is_kustomization,
    is_object,
    references_of_kustomization,
    references_of_object,
)
from fleet_audit.audit.model.references import Reference

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, annotations: {image: debian:1}}
spec:
  initContainers: [{name: first, image: "acme/first:1"}]
  containers:
    - name: main
      image: acme/main:2
      env: [{name: IMAGE, value: "acme/other:9"}]
  ephemeralContainers: [{name: look, image: "busybox:1"}]
  volumes: [{name: data, image: {reference: "acme/data:3"}}]
status: {containerStatuses: [{image: "acme/status:1"}]}
"""

CRON = """
apiVersion: batch/v1
kind: CronJob
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: job, image: "acme/job:1"}]}}}}}
"""

LIST = """
apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    spec: {template: {spec: {containers: [{name: a, image: "acme/a:1"}]}}}
  - {apiVersion: v1, kind: ConfigMap, data: {containers: "image: acme/no:1", image: "acme/no:2"}}
"""

CUSTOM = """
apiVersion: monitoring.example/v1
kind: Prometheus
spec:
  image: images.example/prometheus/prometheus:v3
  logo: {image: picture.png}
  containers: [{name: side, image: "acme/side:1"}]
"""


def documents(text: str) -> Iterator[Located]:
    return iter(load_foreign(text, name="k8s.yaml").documents)


def written(references: Iterator[Reference]) -> list[str]:
    return sorted(each.written for each in references)


@pytest.mark.parametrize(
    ("text", "images"),
    [
        (POD, ["acme/data:3", "acme/first:1", "acme/main:2", "busybox:1"]),
        (CRON, ["acme/job:1"]),
        (LIST, ["acme/a:1"]),
        (CUSTOM, ["acme/side:1", "images.example/prometheus/prometheus:v3"]),
    ],
)
def test_images_are_found_where_objects_keep_them_and_nowhere_else(text: str, images: list[str]) -> None:
    (document,) = documents(text)

    assert is_object(document)
    assert written(references_of_object("k8s.yaml", document)) == images


def test_an_image_stands_at_its_line_and_names_its_container() -> None:
    (document,) = documents(POD)

    (main,) = (each for each in references_of_object("k8s.yaml", document) if each.name == "main")

    assert str(main.location) == "k8s.yaml:9"


def test_yaml_without_kind_and_version_is_no_object() -> None:
    assert [is_object(each) for each in documents("image: a\n---\nkind: x\n---\n[1]\n")] == [False] * 3


def test_a_kustomization_renames_images() -> None:
    (document,) = documents(
        "images:\n- name: web\n  newName: acme.example/web\n  newTag: 1.20\n- name: db\n  newTag: '2'\n"
        "- name: q\n  digest: sha256:" + "a" * 64 + "\n- name: untouched\n- name: moved\n  newName: x/moved\n"
    )

    assert is_kustomization("deploy/kustomization.yaml", document)
    found = list(references_of_kustomization("kustomization.yaml", document))

    assert [(each.location.line, each.repository, each.tag, each.unknown) for each in found] == [
        (3, "web", "1.20", ()),
        (6, "library/db", "2", ()),
        (8, "library/q", "", ()),
        (11, "x/moved", "", ("tag", "digest")),
    ]


def test_a_kustomization_is_known_by_its_kind_or_its_file() -> None:
    kinds = documents("kind: Kustomization\n---\nkind: Deployment\n---\nimages: []\n")

    assert [is_kustomization("x/kustomization.yaml", each) for each in kinds] == [True, False, True]


def test_a_variable_that_is_put_in_before_use_is_not_known() -> None:
    (document,) = documents(CRON.replace("acme/job:1", "acme/job:${TAG}"))

    (job,) = references_of_object("k8s.yaml", document)

    assert (job.written, job.repository_name, job.unknown) == (
        "acme/job:${TAG}",
        "docker.io/acme/job",
        ("tag", "digest"),
    )


@pytest.mark.parametrize("image", ["ubuntu-20.04", "https://files.example/disk.img", "Disk Image"])
def test_what_a_custom_resource_calls_an_image_may_be_something_else(image: str) -> None:
    (document,) = documents(f"apiVersion: machines.example/v1\nkind: Machine\nspec: {{image: '{image}'}}\n")

    assert written(references_of_object("k8s.yaml", document)) == []
