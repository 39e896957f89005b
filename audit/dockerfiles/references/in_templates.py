"""The images that templates name from which Dockerfiles, compose files and manifests are made.

Only lines are read, as the language of a template is not known: ``FROM`` as the first word, or ``image:`` as
a key. What a template puts in (``{{ … }}``, ``{% … %}``, ``<% … %>``, ``${…}``, ``$NAME``) is not known.
"""

import re
from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, opened, reference_at
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind

MAX_LINE = 1000
_FROM = re.compile(r"[ \t]*FROM[ \t]+(\S.*)")
_IMAGE = re.compile(r"[ \t]*(?:-[ \t]+)?[\"']?image[\"']?[ \t]*:[ \t]+(\S.*)")
_MARKED = re.compile(r"^[ \t]*(?:-[ \t]*)?\{[{%]|:[ \t]+\{[{%]", re.MULTILINE)


def is_template(text: str) -> bool:
    """Say whether YAML holds what it could not hold as it is: a template's marks outside of quotes."""
    return _MARKED.search(text) is not None


def references_in_template_text(path: str, text: str) -> Iterator[Reference]:
    """Yield what lines name, as far as it is known and can be a reference."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            continue
        word = _word(opened(line.rstrip("\r")))
        if not word.strip(OPEN):
            continue
        place = Place(SourceLocation(path, number), ReferenceKind.TEMPLATE)
        reference = reference_at(place, word)
        is_known = bool(reference.registry or reference.image)
        if is_known and not {"/", ":"}.isdisjoint(word):
            yield reference


def _word(line: str) -> str:
    """Return the word of a line that stands where an image does; empty where there is none."""
    found = _FROM.fullmatch(line)
    if found is not None:
        words = [word for word in found[1].split() if not word.startswith("--")]
        is_base = len(words) == 1 or (len(words) == 3 and words[1].lower() == "as")
        return words[0] if is_base else ""
    found = _IMAGE.fullmatch(line)
    if found is None:
        return ""
    words = found[1].partition(" #")[0].strip().strip("\"'").split()
    return words[0] if len(words) == 1 else ""
