"""What rules may speak of in a whole audit: its evidence, its exceptions, and what is too much in the image.

The names of the fields are the words of the rules' language, as in facts.py.
"""

import msgspec


class EvidenceFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an audit of an image rests on.

    `image` is the name of its family, service or image; the digests are those of the image, and of the images
    that the inventory and the scan are of, empty where they are not known. `database_age_days` is the age of
    the scanner's database on the day of judging, `audit_age_days` the audit's; -1 where it is not known.
    `tools` are programs with their versions. `gaps` are the kinds of gaps that block.
    """

    image: str = ""
    has_sbom: bool = False
    has_scan: bool = False
    image_digest: str = ""
    sbom_digest: str = ""
    scan_digest: str = ""
    components: int = 0
    database_age_days: int = -1
    audit_age_days: int = -1
    tools: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""


class WaiverFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One waiver that concerns an image, on the day of judging.

    `waives` is the id of its rule, and `severity` that rule's under the policy. `state` is ``active``,
    ``expired`` or ``pending``; `days_left` is 0 on its last day and negative behind it, `expires` that day.
    `findings` counts what it names here; `is_unused` where it is active, speaks of this very image, and names
    nothing of it; `is_expiring` where it ends soon by the policy's `warn_days`.
    """

    id: str = ""
    waives: str = ""
    severity: str = ""
    state: str = ""
    expires: str = ""
    days_left: int = 0
    findings: int = 0
    is_unused: bool = False
    is_expiring: bool = False
    effect: str = ""
    owner: str = ""
    approved_by: str = ""
    ticket: str = ""
    justification: str = ""
    services: tuple[str, ...] = ()
    family: str = ""


class BurdenFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What serves nobody in an image, taken together: how many packages, and what they take once unpacked.

    What is only suspected of it is left out, and what a lower family brings. `largest` are the packages that
    take most.
    """

    packages: int = 0
    bytes: int = 0
    largest: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""
