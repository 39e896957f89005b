"""How waivers are written: their keys, and what each is for."""

from enum import StrEnum
from typing import Annotated

import msgspec

from fleet_audit.audit.model.waiver import WaiverEffect
from fleet_audit.audit.policy.envelope import RuleId, Text

WaiverId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

Named = Text | Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=200)]
"""One value or several."""


class Justification(StrEnum):
    """Why something is not affected by a vulnerability (OpenVEX 0.2.0, "Status Justifications")."""

    COMPONENT_NOT_PRESENT = "component_not_present"
    VULNERABLE_CODE_NOT_PRESENT = "vulnerable_code_not_present"
    VULNERABLE_CODE_NOT_IN_EXECUTE_PATH = "vulnerable_code_not_in_execute_path"
    VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY = "vulnerable_code_cannot_be_controlled_by_adversary"
    INLINE_MITIGATIONS_ALREADY_EXIST = "inline_mitigations_already_exist"


class MatchEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which findings of the rule are waived: those that are about nothing else than what is named here.

    `purl` has an exact version; without qualifiers it is for every architecture. `vuln` is the id of an
    advisory or one of its aliases.
    """

    vuln: Named = ()
    purl: Named = ()
    package: Named = ()
    service: Named = ()
    need: Named = ()
    module: Named = ()
    path: Named = ()
    subject: Named = ()
    fingerprint: Named = ()


class ScopeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For which images a waiver is: a pattern of their names, their set of packages, their very digest."""

    image: Pattern | None = None
    sbom: Sha256 | None = None
    digest: Sha256 | None = None


class WaiverEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exception from one rule, for the days from `created` to `expires`, both included (UTC).

    `effect` is ``warn`` (it counts, and does not block) or ``suppress`` (it does not count); it is always
    listed. Without `match`, all findings of the rule in `scope` are meant.
    """

    id: WaiverId
    rule: RuleId
    owner: Text
    reason: Text
    created: Day
    expires: Day
    match: MatchEntry | None = None
    scope: ScopeEntry = ScopeEntry()
    effect: WaiverEffect = WaiverEffect.WARN
    approved_by: Text | None = None
    justification: Justification | None = None
    ticket: Text | None = None
