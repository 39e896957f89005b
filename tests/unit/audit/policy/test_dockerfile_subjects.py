"""What rules are asked about Dockerfiles."""

from fleet_audit.audit.model.dockerfiles import Rejection
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.dockerfile_facts import RefusalFacts
from fleet_audit.audit.policy.dockerfile_subjects import refusal_subjects

PATH = "docker/vision/Dockerfile"


def test_a_rejection_stands_at_its_line_and_is_related_to_that_of_its_cause() -> None:
    rejection = Rejection(7, "unknown-instruction", "there is no instruction 'x'", 6, "no backslash")

    (subject,) = refusal_subjects(PATH, [rejection], services=["b", "a", "a"], families=["vision"])

    assert subject.facts == RefusalFacts(
        path=PATH,
        line=7,
        kind="unknown-instruction",
        reason="there is no instruction 'x'",
        cause_line=6,
        cause="no backslash",
        services=("a", "b"),
        families=("vision",),
    )
    assert subject.location == SourceLocation(PATH, 7)
    assert subject.related == (SourceLocation(PATH, 6),)
    assert subject.name == f"file:{PATH}#unknown-instruction"


def test_a_rejection_without_another_line_is_related_to_none() -> None:
    (subject,) = refusal_subjects(PATH, [Rejection(3, "bad-port", "'http' is no port")])

    assert (subject.location, subject.related) == (SourceLocation(PATH, 3), ())


def test_a_stage_that_a_build_asks_for_in_vain_stands_at_the_build() -> None:
    asked_at = SourceLocation("compose.yaml", 4)
    rejection = Rejection(1, "no-target", "no stage is named 'x'", asked_at=asked_at)

    (subject,) = refusal_subjects(PATH, [rejection])

    assert (subject.location, subject.related) == (asked_at, (SourceLocation(PATH, 1),))
