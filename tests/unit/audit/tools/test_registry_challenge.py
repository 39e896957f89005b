import pytest

from fleet_audit.audit.tools.registry_challenge import Challenge, parse_challenges

BEARER = Challenge("bearer", {"realm": "https://auth.example/token", "service": "a b", "scope": "x:y,z"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['Bearer realm="https://auth.example/token",service="a b",scope="x:y,z"'], (BEARER,)),
        (['bearer  realm = "https://auth.example/token", service="a b", scope="x:y,z"'], (BEARER,)),
        (["Basic realm=tests"], (Challenge("basic", {"realm": "tests"}),)),
        (["Basic"], (Challenge("basic", {}),)),
        (
            ['Basic realm="tests", Bearer realm="r"'],
            (Challenge("basic", {"realm": "tests"}), Challenge("bearer", {"realm": "r"})),
        ),
        (["Negotiate", 'Basic realm="t"'], (Challenge("basic", {"realm": "t"}),)),
        (["Digest realm=x"], ()),
        ([], ()),
        ([""], ()),
    ],
)
def test_challenges_are_read_as_registries_write_them(
    headers: list[str], expected: tuple[Challenge, ...]
) -> None:
    assert parse_challenges(headers) == expected


def test_a_quote_that_is_never_closed_gives_no_value() -> None:
    assert parse_challenges(['Bearer service=a,realm="never']) == (Challenge("bearer", {"service": "a"}),)


def test_a_header_without_end_takes_no_time() -> None:
    assert len(parse_challenges(['Bearer a="' * 1_000_000])) == 1
