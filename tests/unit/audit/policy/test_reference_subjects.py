"""What rules are asked about references to images."""

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import (
    ArgumentUse,
    Deviation,
    Drift,
    IdleArgument,
    Publication,
    ReferenceKind,
    Standard,
)
from fleet_audit.audit.policy.reference_facts import ArgumentFacts, PublicationFacts, ReferenceFacts
from fleet_audit.audit.policy.reference_subjects import (
    argument_subjects,
    drift_subjects,
    publication_subjects,
)
from tests.support.references import reference

PATH = "a/Dockerfile"
SERVICES = {PATH: ("One", "Two")}


def test_a_drift_stands_at_its_reference_and_names_what_was_written() -> None:
    written = reference("debian:12", path=PATH, line=3, kind=ReferenceKind.FROM)
    drift = Drift(
        reference=written,
        standard=Standard.CANONICAL,
        deviation=Deviation.TAG,
        expected="debian:13",
        is_sure=False,
    )

    (subject,) = drift_subjects([drift], SERVICES)

    assert subject.facts == ReferenceFacts(
        path=PATH,
        line=3,
        kind="from",
        value="debian:12",
        resolved="docker.io/library/debian:12",
        repository="docker.io/library/debian",
        image="debian",
        tag="12",
        standard="canonical",
        deviation="tag",
        expected="debian:13",
        services=("One", "Two"),
    )
    assert (subject.name, subject.confidence) == ("image:debian:12", Confidence.LIKELY)
    assert subject.location == SourceLocation(PATH, 3)


def test_an_argument_and_a_publication_name_the_services_that_they_concern() -> None:
    places = (SourceLocation("compose.yaml", 4), SourceLocation(PATH))
    idle = IdleArgument(
        location=places[0],
        dockerfile=PATH,
        argument="BASE",
        use=ArgumentUse.NOT_DECLARED,
        related=places[1:],
    )

    (argument,) = argument_subjects([idle], SERVICES)
    (publication,) = publication_subjects(
        [Publication(image="x/y:1", dockerfiles=(PATH, "b"), locations=places)], SERVICES
    )

    assert argument.facts == ArgumentFacts(
        dockerfile=PATH, name="BASE", use="not-declared", services=("One", "Two")
    )
    assert (argument.location, argument.related) == (places[0], places[1:])
    assert publication.facts == PublicationFacts(
        image="x/y:1", dockerfiles=(PATH, "b"), services=("One", "Two")
    )
