"""What a registry asks for before it answers (RFC 9110, 11.6.1; distribution, auth/token.md)."""

import re
from collections.abc import Mapping, Sequence

import msgspec

_MAX_HEADER = 16 << 10
_SCHEME = re.compile(r"(?:^|,)\s*(Bearer|Basic)\b", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s",]+))')


class Challenge(msgspec.Struct, frozen=True):
    """One way in: `scheme` in small letters, and what was said with it."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """Return the challenges of Bearer and Basic in a response's headers; other schemes are passed over."""
    return tuple(challenge for header in headers for challenge in _of_header(header[:_MAX_HEADER]))


def _of_header(header: str) -> tuple[Challenge, ...]:
    begins = list(_SCHEME.finditer(header))
    ends = [*(match.start() for match in begins[1:]), len(header)]
    return tuple(
        Challenge(match[1].lower(), _parameters(header[match.end() : end]))
        for match, end in zip(begins, ends, strict=False)
    )


def _parameters(text: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(text)}
