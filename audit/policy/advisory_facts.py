"""What rules may speak of in advisories; the names of the fields are the rules' words."""

import msgspec


class AdvisoryFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One advisory on one source package of an image, for all of its packages there.

    `reach` is ``reached``, ``unreached`` or ``unknown``; `services` are those that reach it, `level` how
    certainly (certain, probable, lazy, string) and `why_unknown` what keeps it from being known. `severity`
    is ``unknown``, ``low``, ``medium``, ``high`` or ``critical``. `vex` are the words of VEX documents for it
    (``not_affected``, ``affected``, ``fixed``, ``under_investigation``). `epss` is -1 where it is not known.
    `published` is the day on which the advisory was (YYYY-MM-DD), empty where that is not known, and
    `published_age_days` how long ago that is on the day of judging, -1 where it is not known.
    """

    id: str = ""
    aliases: tuple[str, ...] = ()
    package: str = ""
    ecosystem: str = ""
    affected: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    title: str = ""
    severity: str = ""
    severity_source: str = ""
    score: float = -1.0
    fixed_in: tuple[str, ...] = ()
    status: str = ""
    epss: float = -1.0
    published: str = ""
    published_age_days: int = -1
    is_exploited: bool = False
    vex: tuple[str, ...] = ()
    reach: str = ""
    level: str = ""
    services: tuple[str, ...] = ()
    why_unknown: str = ""
    origins: tuple[str, ...] = ()
    family: str = ""


class SystemFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The distribution that an image is made of; `name` has its release (``debian 11.11``).

    `is_end_of_life` where it gets no more security updates, as far as the scanner knows; `last_updates` is
    the day of the last ones, empty where that is not known.
    """

    name: str = ""
    is_end_of_life: bool = False
    last_updates: str = ""
    services: tuple[str, ...] = ()
    family: str = ""
