"""What a secret looks like: the shapes that issuers document, and names that are given to secrets."""

import re
from typing import Final

MAX_VALUE: Final = 4096
"""Characters of a value that are looked at."""

_SHAPES = tuple(
    (re.compile(pattern, re.DOTALL), shape)
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
        (r"[sr]k_live_[A-Za-z0-9]{16,250}", "stripe-key"),
        (r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", "sendgrid-key"),
        (r"SK[0-9a-f]{32}(?![0-9a-f])", "twilio-key"),
        (r"DefaultEndpointsProtocol=[^\s]{0,500}?AccountKey=[A-Za-z0-9+/=]{20,200}", "azure-storage-key"),
        (r"dckr_pat_[A-Za-z0-9_-]{20,64}", "docker-token"),
        (r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,1000}", "json-web-token"),
        (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,4096}", "private-key"),
    )
)
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,100}:([^\s:/@]{1,200})@[^\s]{1,500}")
_IN_COMMANDS = tuple(
    re.compile(pattern)
    for pattern in (
        # Authorization headers (RFC 7617, RFC 6750); without a digit it is a word.
        r"(?i:\b(?:bearer|basic)) (?=[^\s\"']{0,100}\d)([A-Za-z0-9._~+/=-]{8,2000})",
        # man 1 curl: --user NAME:PASSWORD; two numbers are a user and group.
        r"(?:^|\s)(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"'$/]{1,100}:(?!\d+(?:\s|$))([^\s\"'$]{1,200})",
        # man 1 mysql: -pPASSWORD, without a blank.
        r"\b(?:mysql|mysqladmin|mysqldump|mariadb)(?: [^\s|;&]{1,200}){0,10}? -p([^\s|;&\"'$]{1,200})",
    )
)
"""Passwords in commands, each as the group of a pattern."""

_NAMES = re.compile(
    r"(?:.*_)?(?:[A-Z0-9]{0,10}PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|APIKEY|API_KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY"
    r"|AUTH_KEY|ENCRYPTION_KEY|SIGNING_KEY|MASTER_KEY|ACCOUNT_KEY|CREDENTIALS?)(?:_KEY|_ID)?|.*_PASS"
)
_NO_SECRETS = re.compile(
    r"(?:.*_)?(?:NO|ALLOW|DISABLE|SKIP|REQUIRE|RANDOM)_.*|(?:OLD)?PWD|.*(?:_TTL|_FILE|_PATH|_URL|_NAME|_ID|_LENGTH|_TYPE|_EXPIRE\w*)"
)
_PLACEHOLDER = re.compile(
    r"(?:change[-_]?me.*|replace[-_]?me.*|todo|dummy|example|placeholder|none|null|unset|xxx+|\*+|<.*>|your[-_].*"
    r"|true|false|yes|no|on|off|\d{1,3}|/.*|https?://.*)",
    re.DOTALL,
)


_OTHER = re.compile(r"[^A-Z0-9]+")


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
    upper = _OTHER.sub("_", name.upper()[:200])
    return _NAMES.fullmatch(upper) is not None and _NO_SECRETS.fullmatch(upper) is None


def _is_placeholder(value: str) -> bool:
    return not value or "$" in value or _PLACEHOLDER.fullmatch(value.lower()) is not None


def find_shapes(text: str) -> tuple[tuple[int, int], ...]:
    """Return where in a text something of a secret's shape stands, in order and without overlaps.

    Of an address with a password, or a command that is given one, that is the password.
    """
    spans = [match.span() for pattern, _ in _SHAPES for match in pattern.finditer(text)]
    spans += [match.span(1) for match in _WITH_PASSWORD.finditer(text) if not _is_placeholder(match[1])]
    spans += [match.span(1) for pattern in _IN_COMMANDS for match in pattern.finditer(text)]
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
