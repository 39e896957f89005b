"""Which images a gate is about: what its words mean, or what a fleet has."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.manifest import need_fleet
from fleet_audit.cli.subjects import all_meant

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.audits.gating import Kept
    from fleet_audit.audit.pipeline.run.subject import Subject


class Asked(msgspec.Struct, frozen=True):
    """What a gate is to be about. `is_stored` where no image is to be read."""

    words: tuple[str, ...]
    image: str | None
    is_built: bool
    is_all: bool
    is_stored: bool

    def check(self) -> None:
        """Raise UsageError for words that contradict each other, and where there are none."""
        if self.is_built and self.is_all:
            raise UsageError("--built and --all contradict each other; give one of them")
        if (self.is_built or self.is_all) and (self.words or self.image):
            raise UsageError("--built and --all choose the images; leave out names and --image")
        if not (self.words or self.image or self.is_built or self.is_all):
            raise UsageError("name a family, a service or an image, or give --built or --all")
        if self.is_stored and self.image is not None:
            raise UsageError("--stored reads no image; leave out --image, or --stored")


class Chosen(msgspec.Struct, frozen=True):
    """The subjects of a gate, and those left out as they are not there; `is_whole` where it is the fleet."""

    subjects: "tuple[Subject, ...]"
    absent: tuple[str, ...] = ()
    is_whole: bool = False


def chosen_of(asked: Asked, fleet: "Fleet | None", stored: "Kept") -> Chosen:
    """Return the subjects; raises UsageError for names that mean none, and for a gate over nothing."""
    from fleet_audit.audit.pipeline.audits.gating import built, images_of  # noqa: PLC0415  (not for --help)

    if not (asked.is_built or asked.is_all):
        return Chosen(tuple(_named(asked, fleet)))
    fleet = need_fleet(fleet)
    subjects = images_of(fleet)
    if not subjects:
        raise UsageError(f"{fleet.file} has no families: there is nothing to judge")
    if asked.is_all:
        return Chosen(tuple(subjects), is_whole=True)
    if asked.is_stored:
        there = [subject for subject in subjects if subject.name in stored.audits]
        what = "has a stored audit"
    else:
        there, what = built(subjects), "is built"
    if not there:
        raise UsageError(
            f"no image of the {len(subjects)} in {fleet.file} {what}: there is nothing to judge; "
            "--all tells of each"
        )
    return Chosen(tuple(there), tuple(_names(subjects, besides=there)))


def _named(asked: Asked, fleet: "Fleet | None") -> "Iterable[Subject]":
    from fleet_audit.audit.pipeline.run.subject import Subject  # noqa: PLC0415  (not for --help)

    if asked.is_stored and fleet is None:
        return [Subject(name=word, image=None) for word in asked.words]
    found = {subject.name: subject for subject in all_meant(asked.words, asked.image, fleet)}
    return found.values()


def _names(subjects: "Iterable[Subject]", *, besides: "Iterable[Subject]") -> Iterator[str]:
    left_out = {subject.name for subject in besides}
    yield from (subject.name for subject in subjects if subject.name not in left_out)
