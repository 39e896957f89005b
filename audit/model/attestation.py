"""What a passed gate attests of an image: an in-toto Statement with SLSA's verification summary.

Sources: in-toto Attestation Framework, Statement v1; SLSA 1.0, Verification Summary Attestation (VSA).
"""

from typing import Any
from urllib.parse import quote

from fleet_audit import __version__
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.identity import ImageRef

STATEMENT = "https://in-toto.io/Statement/v1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
VERIFIER = "pkg:pypi/fleet-audit"
"""Who says so, where the user names nobody else (a URI)."""

LEVEL = "FLEET_AUDIT_PASSED"
"""The result that is verified. The levels of SLSA's own tracks speak of builds, at which nobody looked."""

_WAIVERS = "pkg:pypi/fleet-audit#waivers"
"""Fields that are added to a predicate are named by a URI (in-toto, parsing rules)."""


class NotAttestable(FleetAuditError):
    """An audit did not pass, or its image has no digest that a statement could be about."""


def statement_of(
    audit: AuditReport, *, stored: str, stored_sha256: str, at: str, verifier: str = VERIFIER
) -> dict[str, Any]:
    """Return the statement that an image passed, which rests on its stored audit.

    `stored` names the audit's file and `stored_sha256` is its digest; `at` is when it was judged (RFC 3339),
    `verifier` a URI. Raises NotAttestable for an audit that did not pass, or whose image has no digest.
    """
    image = audit.image
    if audit.verdict is not Verdict.PASS:
        raise NotAttestable(f"{audit.subject} did not pass")
    if image is None or not image.ref.digest:
        raise NotAttestable(f"the image of {audit.subject} has no digest that a statement could be about")
    algorithm, _, digits = image.ref.digest.partition(":")
    predicate: dict[str, Any] = {
        "verifier": {"id": verifier, "version": {"fleet-audit": __version__}},
        "timeVerified": at,
        "resourceUri": image_uri(image.ref, audit.subject),
        "policy": {
            "uri": f"fleet-audit:policy/{_quoted(audit.policy.name)}",
            "digest": {"sha256": audit.policy.digest},
        },
        "inputAttestations": [{"uri": _quoted(stored, safe="/"), "digest": {"sha256": stored_sha256}}],
        "verificationResult": "PASSED",
        "verifiedLevels": [LEVEL],
        "slsaVersion": "1.0",
    }
    if waivers := sorted({account.waiver.id for account in audit.waivers.applied}):
        predicate[_WAIVERS] = waivers
    return {
        "_type": STATEMENT,
        "subject": [{"name": str(image.ref), "digest": {algorithm: digits}}],
        "predicateType": SUMMARY,
        "predicate": predicate,
    }


def image_uri(ref: ImageRef, name: str) -> str:
    """Return the package URL of an image (purl-spec, type oci): its last name, digest, and registry if any.

    `name` stands for images that no registry names.
    """
    is_registry = ref.transport in ("registry", "docker", "podman")
    repository = ref.name.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    short = (repository.rpartition("/")[2] if is_registry else name).lower()
    place = f"?repository_url={_quoted(repository, safe='/')}" if is_registry and "/" in repository else ""
    return f"pkg:oci/{_quoted(short)}@{_quoted(ref.digest or '')}{place}"


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe, errors="backslashreplace")
