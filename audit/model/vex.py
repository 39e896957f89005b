"""What a fleet says itself of vulnerabilities in its images."""

from datetime import date

import msgspec

from fleet_audit.audit.model.report import Judged


class VexProduct(msgspec.Struct, frozen=True, order=True):
    """What a statement holds for: an image or a package by its URL, and the packages in it that are meant.

    Without `parts`, the whole is meant.
    """

    purl: str
    parts: tuple[str, ...] = ()


class VexClaim(msgspec.Struct, frozen=True, order=True):
    """One statement on one vulnerability, in OpenVEX's words.

    `why` is its impact statement where `status` is ``not_affected``, else its action statement. `notes` say
    who answers for it and until when; `since` is the day on which it was known to be true.
    """

    vulnerability: str
    waiver: str
    status: str
    why: str
    since: date
    products: tuple[VexProduct, ...]
    aliases: tuple[str, ...] = ()
    justification: str = ""
    notes: str = ""


class VexReport(Judged, frozen=True, kw_only=True):
    """What waivers say of vulnerabilities, in order of these, and by whom.

    `issued` is the time that the document bears (RFC 3339). `left_out` are the ids of waivers of which no
    statement can be made, each with the reason.
    """

    author: str
    issued: str = ""
    claims: tuple[VexClaim, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
