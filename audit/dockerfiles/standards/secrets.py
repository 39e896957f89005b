"""What looks like a secret in the variables of an image.

Whoever can pull an image reads its environment and the arguments of its build (Dockerfile reference, ARG:
"build-time variables are visible in docker history"). Shapes are those that their issuers document.
"""

import re
from collections.abc import Iterator
from typing import Final

from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.standards.images import MadeImage
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import Observed, Secret

MAX_VALUE: Final = 4096
"""Characters of a value that are looked at."""

_SHAPES = tuple(
    (re.compile(pattern), shape)
    for pattern, shape in (
        (r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}", "github-token"),
        (r"glpat-[A-Za-z0-9_-]{20,64}", "gitlab-token"),
        (r"(?:AKIA|ASIA)[A-Z0-9]{16}", "aws-access-key"),
        (r"xox[abeoprs]-[A-Za-z0-9-]{10,250}", "slack-token"),
        (r"hf_[A-Za-z0-9]{30,60}", "hugging-face-token"),
        (r"sk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,250}", "api-key"),
        (r"AIza[A-Za-z0-9_-]{35}", "google-api-key"),
        (r"pypi-[A-Za-z0-9_-]{50,250}", "pypi-token"),
        (r"npm_[A-Za-z0-9]{36}", "npm-token"),
        (r"dckr_pat_[A-Za-z0-9_-]{20,64}", "docker-token"),
        (r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,1000}", "json-web-token"),
        (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,4096}", "private-key"),
    )
)
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,100}:([^\s:/@]{1,200})@[^\s]{1,500}")
_NAMES = re.compile(
    r"(?:.*_)?(?:PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|APIKEY|API_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY"
    r"|AUTH_KEY|CREDENTIALS?)(?:_KEY|_ID)?"
)
_NO_SECRETS = re.compile(r"(?:OLD)?PWD|.*(?:_TTL|_FILE|_PATH|_URL|_NAME|_ID|_LENGTH|_TYPE|_EXPIRE\w*)")
_PLACEHOLDER = re.compile(
    r"(?:change[-_]?me.*|replace[-_]?me.*|todo|dummy|example|placeholder|none|null|unset|xxx+|\*+|<.*>|your[-_].*"
    r"|true|false|\d{1,3}|/.*|https?://.*)",
    re.DOTALL,
)


def secrets(image: MadeImage) -> Iterator[Observed]:
    """Yield the variables of the image's own stages whose literal value looks like a secret.

    What a build argument brings at build time is not in the file, so nothing is said of it.
    """
    stage = image.use.stage
    dockerfile = image.use.dockerfile
    lineage = [] if stage is None else [*image.use.values().lineage(stage)]
    own = [*dockerfile.global_args, *(each for part in lineage for each in part.instructions)]
    for instruction in sorted(own, key=lambda each: each.line):
        if instruction.keyword in ("ARG", "ENV"):
            yield from _of_instruction(image, instruction)


def _of_instruction(image: MadeImage, instruction: Instruction) -> Iterator[Observed]:
    for name, written in instruction.pairs:
        value = _literal(written or "")
        shape = secret_shape(name, value)
        if shape is None:
            continue
        record = Secret(
            image=image.name,
            role=image.role,
            instruction=instruction.keyword,
            name=name,
            shape=shape,
            services=image.services,
        )
        place = SourceLocation(image.use.path, instruction.line)
        confidence = Confidence.LIKELY if shape else Confidence.POSSIBLE
        yield Observed(record, f"file:{image.use.path}#{name}", location=place, confidence=confidence)


def secret_shape(name: str, value: str) -> str | None:
    """Return what a variable's value looks like; empty where only its name speaks for a secret, else None."""
    value = value[:MAX_VALUE].strip()
    for pattern, shape in _SHAPES:
        if pattern.match(value):
            return shape
    found = _WITH_PASSWORD.match(value)
    if found is not None and not _is_placeholder(found[1]):
        return "password-in-address"
    return "" if names_secret(name) and not _is_placeholder(value) else None


def names_secret(name: str) -> bool:
    """Say whether a variable's name is one for secrets."""
    upper = name.upper()[:200]
    return _NAMES.fullmatch(upper) is not None and _NO_SECRETS.fullmatch(upper) is None


def _is_placeholder(value: str) -> bool:
    return not value or "$" in value or _PLACEHOLDER.fullmatch(value.lower()) is not None


def _literal(written: str) -> str:
    """Return a value without the quotes around it."""
    is_quoted = len(written) >= 2 and written[0] == written[-1] and written[0] in "'\""
    return written[1:-1] if is_quoted else written
