"""What is found in Dockerfiles: values that the checks, the policy and the reports exchange."""

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Rejection(msgspec.Struct, frozen=True):
    """A reason for which BuildKit does not build a Dockerfile.

    `kind` names the reason for good (``unknown-instruction``), `message` says it in a sentence. `line` is
    where BuildKit sees it; where the mistake likely lies on another line, that is `cause_line`, and `cause`
    says what is wrong there. Lines count from 1. Where not the Dockerfile but what builds it is to be
    corrected, `asked_at` is its place.
    """

    line: int
    kind: str
    message: str
    cause_line: int | None = None
    cause: str | None = None
    asked_at: SourceLocation | None = None


class DockerfileChange(msgspec.Struct, frozen=True):
    """A Dockerfile before and after a change. `why` says why nothing is changed, where that is so."""

    path: str
    before: str
    after: str
    why: str = ""

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is changed."""
        return self.before == self.after


class SecondOpinion(msgspec.Struct, frozen=True, order=True):
    """What another linter holds against a line of a Dockerfile, by its own code and level."""

    location: SourceLocation
    tool: str
    code: str
    level: str
    message: str
