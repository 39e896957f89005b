"""The images that Helm charts name: in their values, and in their templates as far as these say it plainly.

Rules: Helm documentation, "Charts" and "Values files"; the usual form of an image in values is
``{registry, repository, tag, digest}`` with the chart's ``appVersion`` for a tag that is not given.
"""

import re
from collections.abc import Iterator

from fleet_audit.audit.configuration.located import Located, View
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, opened, reference_at
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind, suffix

MAX_LINE = 1000
_IMAGE_KEY = re.compile(r"(?:[A-Za-z0-9_]*_)?image|[A-Za-z0-9_]*Image")
_IMAGE_LINE = re.compile(r"[ \t]*(?:-[ \t]+)?[\"']?image[\"']?[ \t]*:[ \t]+(\S.*)")
_ACTION = re.compile(r"\{\{([^{}]*)\}\}")
_STEP = re.compile(r"\"[^\"]*\"|`[^`]*`|[^\s|\"`]+|\|")
_PATH = re.compile(r"\.(?:Values|Chart)(?:\.[A-Za-z_]\w*)+")
_CONTROL = frozenset({"if", "with", "range", "end", "else", "define", "block", "break", "continue"})
_PLAIN_STEPS = frozenset({"quote", "squote", "toString", "trim"})


class Chart:
    """What the templates of a chart may ask for: its values and what it says of itself."""

    def __init__(self, values: Located | None, about: Located | None) -> None:
        """Take ``values.yaml`` and ``Chart.yaml``, as far as they can be read."""
        self._values = values
        self._about = about

    def find(self, path: str) -> View | None:
        """Return what stands behind ``.Values.a.b`` or ``.Chart.AppVersion``; None where nothing does."""
        root, *keys = path.removeprefix(".").split(".")
        located = self._values if root == "Values" else self._about
        if located is None:
            return None
        view = located.view()
        for key in keys:
            view = view.get(key[:1].lower() + key[1:] if root == "Chart" else key)
        return view if isinstance(view.value, str | int | float) and view.value != "" else None


def references_in_values(path: str, values: View) -> Iterator[Reference]:
    """Yield the references in values: texts under a key that ends in ``image``, and their maps."""
    pending = [values]
    while pending:
        here = pending.pop()
        for key, value in here.entries():
            if _IMAGE_KEY.fullmatch(key):
                yield from _image(path, key, value)
            pending.append(value)
        pending += here.elements()


def _image(path: str, key: str, value: View) -> Iterator[Reference]:
    repository = value.get("repository")
    if value.text and ("/" in value.text or ":" in value.text):
        yield reference_at(_place(path, value, key), opened(value.text), value.text)
    elif repository.text:
        registry = (value.get("registry").text or "").rstrip("/")
        tag, digest = value.get("tag").written, value.get("digest").text or ""
        name = f"{registry}/{repository.text}" if registry else repository.text
        tagged = name if ":" in name.rpartition("/")[2] else name + f":{tag or OPEN}"
        yield reference_at(_place(path, repository, key), opened(tagged + suffix("", digest)))


def _place(path: str, view: View, name: str) -> Place:
    return Place(SourceLocation(path, view.located.line(view.path)), ReferenceKind.HELM, name)


def references_in_template(path: str, text: str, chart: Chart, values_path: str) -> Iterator[Reference]:
    """Yield the references of lines ``image: …`` in a template, with the chart's own values put in place.

    What an action does beyond naming a value, a default for it or quotes is not known, all of it where a
    function makes the whole. A line that names a whole reference of the values adds nothing and is left out.
    """
    for number, line in enumerate(text.split("\n"), 1):
        match = _IMAGE_LINE.fullmatch(line.rstrip("\r")) if len(line) <= MAX_LINE else None
        if match is None:
            continue
        written = match[1].partition(" #")[0].strip().strip("\"'")
        value, lines = _filled(written, chart)
        is_one_value = lines and _ACTION.fullmatch(written)
        if "{{" in value or " " in value or is_one_value:
            continue
        related = tuple(SourceLocation(values_path, each) for each in sorted(set(lines)) if each)
        place = Place(SourceLocation(path, number), ReferenceKind.HELM, related=related)
        yield reference_at(place, value, written)


def _filled(written: str, chart: Chart) -> tuple[str, list[int]]:
    """Return a text with what its actions give, and the lines of the values that it takes."""
    lines: list[int] = []
    return _ACTION.sub(lambda action: _acted(action[1].strip(" \t-"), chart, lines), written), lines


def _acted(action: str, chart: Chart, lines: list[int]) -> str:
    """Return what an action gives: the value that it names, or its default; OPEN where it does more."""
    steps = _STEP.findall(action)
    if steps[:1] and steps[0] in _CONTROL:
        return " "
    if steps[:1] == ["default"] and len(steps) == 3:
        steps = [steps[2], "|", "default", steps[1]]
    first, *rest = steps or [""]
    value = _named(first, chart, lines)
    while rest:
        if rest[:2] == ["|", "default"] and len(rest) > 2:
            value = value if value is not None else _named(rest[2], chart, lines)
            rest = rest[3:]
        elif rest[0] == "|" and rest[1:2] and rest[1] in _PLAIN_STEPS:
            rest = rest[2:]
        else:
            return OPEN
    return OPEN if value is None else value


def _named(step: str, chart: Chart, lines: list[int]) -> str | None:
    if len(step) >= 2 and step[0] == step[-1] and step[0] in '"`':
        return step[1:-1]
    if _PATH.fullmatch(step) is None:
        return OPEN
    view = chart.find(step)
    if view is None:
        return None
    if step.startswith(".Values"):
        lines.append(view.located.line(view.path))
    return view.written
