"""The images that YAML files name which are neither compose files nor workflows."""

import posixpath
import re
from collections.abc import Iterator, Sequence

from fleet_audit.audit.configuration.located import Located
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.references.in_charts import (
    Chart,
    references_in_template,
    references_in_values,
)
from fleet_audit.audit.dockerfiles.references.in_kubernetes import (
    is_kustomization,
    is_object,
    references_of_kustomization,
    references_of_object,
)
from fleet_audit.audit.dockerfiles.references.in_templates import is_template, references_in_template_text
from fleet_audit.audit.dockerfiles.repository import MAX_TEXT, Repository
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.references import Reference

CHART = "Chart.yaml"
VALUES = "values.yaml"
_RELEASE = "HelmRelease"
_TEMPLATES = "templates"
_VALUES = re.compile(r"values[\w.-]*\.ya?ml")
_KUSTOMIZATION = re.compile(r"kustomization\.ya?ml")


def references_in_yaml(repository: Repository) -> Iterator[Reference]:
    """Yield the references of Kubernetes objects, kustomizations and Helm charts.

    A file that has none of their words is not read further; one that is a template is read line by line.
    """
    paths = repository.files(FileRole.YAML)
    charts = {posixpath.dirname(path) for path in paths if posixpath.basename(path) == CHART}
    by_chart: dict[str, list[str]] = {folder: [] for folder in charts}
    for path in paths:
        folder = _chart_of_template(path, charts)
        if folder is not None:
            by_chart[folder].append(path)
        elif _may_name_images(repository, path):
            yield from _references(repository, path)
    for folder, templates in sorted(by_chart.items()):
        yield from _of_templates(repository, folder, templates)


def _chart_of_template(path: str, charts: set[str]) -> str | None:
    """Return the folder of the chart that a file is a template of; None where it is none."""
    folder, parts = "", path.split("/")
    for at, part in enumerate(parts[:-1]):
        if part == _TEMPLATES and (folder := "/".join(parts[:at])) in charts:
            return folder
    return None


def _may_name_images(repository: Repository, path: str) -> bool:
    entry = repository.entry(path)
    if entry is not None and entry.size > MAX_TEXT:
        why = f"has more than {MAX_TEXT} bytes; whether it names images is not known"
        repository.report(path, why, kind=GapKind.NOT_EXAMINED)
        return False
    text = repository.text(path) or ""
    if "image" not in text:
        return False
    name = posixpath.basename(path)
    return "apiVersion" in text or bool(_VALUES.fullmatch(name) or _KUSTOMIZATION.fullmatch(name))


def _references(repository: Repository, path: str) -> Iterator[Reference]:
    text = repository.text(path) or ""
    if is_template(text):
        yield from references_in_template_text(path, text)
        return
    for document in _documents(repository, path):
        if is_kustomization(path, document):
            yield from references_of_kustomization(path, document)
        elif is_object(document):
            yield from references_of_object(path, document)
            # Flux gives a chart its values in an object (fluxcd.io, "HelmRelease").
            if document.view("kind").text == _RELEASE:
                yield from references_in_values(path, document.view("spec", "values"))
        elif _VALUES.fullmatch(posixpath.basename(path)):
            yield from references_in_values(path, document.view())


def _documents(repository: Repository, path: str) -> Sequence[Located]:
    read = repository.yaml(path)
    return () if read is None else read.documents


def _of_templates(repository: Repository, folder: str, templates: Sequence[str]) -> Iterator[Reference]:
    """Yield what the templates of a chart name beside its values, which are references of their own."""
    values_path = posixpath.join(folder, VALUES)
    values = next(iter(_documents(repository, values_path)), None) if repository.holds(values_path) else None
    about = next(iter(_documents(repository, posixpath.join(folder, CHART))), None)
    named = () if values is None else references_in_values(values_path, values.view())
    said = {_parts(each) for each in named}
    chart = Chart(values, about)
    for path in templates:
        text = repository.text(path) or ""
        for reference in references_in_template(path, text, chart, values_path):
            if not reference.related or _parts(reference) not in said:
                yield reference


def _parts(reference: Reference) -> tuple[str, str, str]:
    return reference.repository_name, reference.tag, reference.digest
