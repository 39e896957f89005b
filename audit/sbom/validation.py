"""Whether a document is what its specification says, by the official schema and without a network."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import msgspec

from fleet_audit.audit.errors import FleetAuditError

_FOLDER = "rules/schema/sbom"
_CYCLONEDX = "cyclonedx-1.6.schema.json"
_SPDX = "spdx-2.3.schema.json"
_REFERRED = {"spdx.schema.json": "spdx-licenses.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schema.json"}
"""What the schema of CycloneDX refers to, and under what name it lies here."""

_SITE = "http://cyclonedx.org/schema/"
_MAX_TOLD = 5


class InvalidDocument(FleetAuditError):
    """A document that is not valid by its specification."""

    def __init__(self, specification: str, problems: tuple[str, ...]) -> None:
        """Keep the specification's name and what is wrong."""
        super().__init__(specification, problems)
        self.specification = specification
        self.problems = problems

    def __str__(self) -> str:
        """Return one sentence with the first problems."""
        more = len(self.problems) - _MAX_TOLD
        told = "; ".join(self.problems[:_MAX_TOLD]) + (f"; and {more} more" if more > 0 else "")
        return f"the document is no valid {self.specification}: {told}"


def check_cyclonedx(body: bytes) -> None:
    """Raise InvalidDocument unless `body` is valid CycloneDX 1.6 whose references all lead somewhere."""
    document = msgspec.json.decode(body)
    problems = (*_problems(_cyclonedx_schema(), document), *_astray(document))
    if problems:
        raise InvalidDocument("CycloneDX 1.6", problems)


def check_spdx(body: bytes) -> None:
    """Raise InvalidDocument unless `body` is valid SPDX 2.3 whose relationships all lead somewhere."""
    document = msgspec.json.decode(body)
    problems = (*_problems(_spdx_schema(), document), *_unrelated(document))
    if problems:
        raise InvalidDocument("SPDX 2.3", problems)


def _unrelated(document: Any) -> Iterator[str]:
    ids = [document["SPDXID"], *(package["SPDXID"] for package in document.get("packages", ()))]
    yield from (f"SPDXID {each} occurs {count} times" for each, count in Counter(ids).items() if count > 1)
    known = set(ids)
    for row in document.get("relationships", ()):
        for each in (row["spdxElementId"], row["relatedSpdxElement"]):
            if each not in known:
                yield f"relationships name {each}, which is no element"


def _problems(schema: jsonschema_rs.Validator, document: Any) -> Iterator[str]:
    for error in schema.iter_errors(document):
        place = "/".join(map(str, error.instance_path))
        yield f"{place or 'the whole'}: {error.message[:300]}"


def _astray(document: Any) -> Iterator[str]:
    """Yield references that lead nowhere, and names that are given twice."""
    refs = [document["metadata"]["component"].get("bom-ref")]
    refs += [component.get("bom-ref") for component in document.get("components", ())]
    yield from (f"bom-ref {ref} occurs {count} times" for ref, count in Counter(refs).items() if count > 1)
    known = set(refs)
    for row in document.get("dependencies", ()):
        for ref in (row["ref"], *row.get("dependsOn", ())):
            if ref not in known:
                yield f"dependencies name {ref}, which is no component"


@cache
def _spdx_schema() -> jsonschema_rs.Validator:
    body = (files("fleet_audit") / _FOLDER / _SPDX).read_bytes()
    return jsonschema_rs.validator_for(msgspec.json.decode(body))


@cache
def _cyclonedx_schema() -> jsonschema_rs.Validator:
    folder = files("fleet_audit") / _FOLDER
    registry = jsonschema_rs.Registry(
        [
            (f"{_SITE}{name}", msgspec.json.decode((folder / file).read_bytes()))
            for name, file in _REFERRED.items()
        ]
    )
    schema = msgspec.json.decode((folder / _CYCLONEDX).read_bytes())
    return jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)
