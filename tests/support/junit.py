"""Holds an XML document against the schema of JUnit results that Jenkins publishes.

Of XML Schema it knows what that one is written in: elements by reference or in place, attributes with
`required`, patterns of simple types; sequences and choices, whose order is open there. A schema that says
more is refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

_XS = "{http://www.w3.org/2001/XMLSchema}"
_KNOWN = frozenset(
    f"{_XS}{name}"
    for name in (
        *("schema", "simpleType", "restriction", "pattern", "complexType", "sequence", "choice"),
        *("element", "attribute"),
    )
)


def problems_of(text: str, schema: Path) -> list[str]:
    """Return what in a document is not as the schema says; raises ValueError where that says more."""
    root = ET.parse(schema).getroot()  # noqa: S314  (a fixture)
    if unknown := {part.tag for part in root.iter()} - _KNOWN:
        raise ValueError(f"the schema uses {sorted(unknown)}")
    document = ET.fromstring(text)  # noqa: S314  (our own document)
    elements = {each.get("name", ""): each for each in root.findall(f"{_XS}element")}
    if document.tag not in elements:
        return [f"{document.tag} is no root that the schema knows"]
    return list(_Held(root, elements).problems(document))


class _Held:
    def __init__(self, schema: ET.Element, elements: dict[str, ET.Element]) -> None:
        self._elements = elements
        self._patterns = {
            each.get("name"): pattern.get("value", "")
            for each in schema.findall(f"{_XS}simpleType")
            for pattern in each.iter(f"{_XS}pattern")
        }

    def problems(self, element: ET.Element) -> Iterator[str]:
        declared = self._elements[element.tag]
        attributes = {each.get("name", ""): each for each in declared.iter(f"{_XS}attribute")}
        inside = {each.get("ref", each.get("name", "")) for each in declared.iter(f"{_XS}element")} - {
            element.tag
        }
        inside |= {element.tag} if self._holds_itself(declared, element.tag) else set()
        for name, value in element.attrib.items():
            if name not in attributes:
                yield f"{element.tag}: attribute {name} is not there"
            elif not self._fits(attributes[name], value):
                yield f"{element.tag}: {name} is {value!r}"
        for name, attribute in attributes.items():
            if attribute.get("use") == "required" and name not in element.attrib:
                yield f"{element.tag}: no attribute {name}"
        for child in element:
            if child.tag not in inside:
                yield f"{element.tag}: element {child.tag} is not there"
            else:
                yield from self.problems(child)

    def _holds_itself(self, declared: ET.Element, name: str) -> bool:
        return any(each.get("ref") == name for each in declared.iter(f"{_XS}element"))

    def _fits(self, attribute: ET.Element, value: str) -> bool:
        pattern = self._patterns.get(attribute.get("type"))
        return pattern is None or re.fullmatch(pattern, value) is not None
