"""Statements on vulnerabilities as an OpenVEX document (specification 0.2.0), checked by its schema."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.vex import VexClaim, VexProduct, VexReport

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_NAMESPACE = "https://openvex.dev/docs/public/vex-"
"""Where documents may have ids without a place of their own ("Public IRI Namespaces")."""

_SCHEMA = "rules/schema/vex/openvex-0.2.0.schema.json"
_MAX_TOLD = 5

Fields = dict[str, Any]


class VexInvalid(FleetAuditError):
    """A document that is not valid by the schema of OpenVEX."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep what is wrong."""
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return one sentence with the first problems."""
        return f"the document is no valid OpenVEX 0.2.0: {'; '.join(self.problems[:_MAX_TOLD])}"


def openvex(report: VexReport, version: str) -> bytes:
    """Return the document, indented; the same report gives the same bytes, and the same id.

    `version` is that of the program that writes it. Raises VexInvalid: so without any statement.
    """
    body: Fields = {
        "author": report.author,
        "timestamp": report.issued,
        "version": 1,
        "tooling": f"fleet-audit/{version}",
        "statements": [_statement(claim) for claim in report.claims],
    }
    digest = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    document = msgspec.json.encode({"@context": CONTEXT, "@id": f"{_NAMESPACE}{digest}", **body})
    check_openvex(document)
    return msgspec.json.format(document, indent=2) + b"\n"


def check_openvex(body: bytes) -> None:
    """Raise VexInvalid unless `body` is valid by the official schema of OpenVEX 0.2.0."""
    problems = tuple(
        f"{'/'.join(map(str, error.instance_path)) or 'the whole'}: {error.message[:300]}"
        for error in _schema().iter_errors(msgspec.json.decode(body))
    )
    if problems:
        raise VexInvalid(problems)


def _statement(claim: VexClaim) -> Fields:
    why = "impact_statement" if claim.status == "not_affected" else "action_statement"
    vulnerability: Fields = {"name": claim.vulnerability}
    if claim.aliases:
        vulnerability["aliases"] = list(claim.aliases)
    return {
        "vulnerability": vulnerability,
        "timestamp": f"{claim.since.isoformat()}T00:00:00Z",
        "products": [_product(product) for product in claim.products],
        "status": claim.status,
        "status_notes": claim.notes,
        **({"justification": claim.justification} if claim.justification else {}),
        why: claim.why,
    }


def _product(product: VexProduct) -> Fields:
    fields = _component(product.purl)
    if product.parts:
        fields["subcomponents"] = [_component(purl) for purl in product.parts]
    return fields


def _component(purl: str) -> Fields:
    return {"@id": purl, "identifiers": {"purl": purl}}


@cache
def _schema() -> jsonschema_rs.Validator:
    schema = msgspec.json.decode((files("fleet_audit") / _SCHEMA).read_bytes())
    return jsonschema_rs.validator_for(schema, validate_formats=True)
