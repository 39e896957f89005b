"""Whose keys may sign for a source, by what the image and this machine say."""

import pytest

from fleet_audit.audit.apt.archive.keyrings import Keyrings, dearmored
from fleet_audit.audit.apt.archive.sources import parse_deb822, parse_one_line
from tests.support.signatures import armored_key, key
from tests.support.trees import Link, tree

ARCHIVE, OTHER, EXPIRED = key("archive"), key("other"), key("expired")
PLAIN = parse_one_line("deb http://archive.example/debian bookworm main")[0]


def named(signed_by: str) -> str:
    return f"deb [signed-by={signed_by}] http://archive.example/debian bookworm main"


def test_apts_trusted_keys_and_the_distributions_own_count_where_a_source_names_none() -> None:
    image = tree(
        {
            "/etc/apt/trusted.gpg": OTHER,
            "/etc/apt/trusted.gpg.d/debian.asc": armored_key(),
            "/etc/apt/trusted.gpg.d/notes.txt": EXPIRED,
            "/usr/share/keyrings/debian-archive-keyring.gpg": EXPIRED,
        }
    )

    (keys,) = Keyrings([("the image", image)], "debian").of(PLAIN)

    assert keys.body == OTHER + ARCHIVE + EXPIRED


@pytest.mark.parametrize(
    "name", ["vendor-archive-keyring.gpg", "debian-archive-removed-keys.gpg", "debian-archive-keyring.txt"]
)
def test_keys_of_third_parties_and_retired_ones_do_not_count_unless_they_are_named(name: str) -> None:
    keyrings = Keyrings([("the image", tree({f"/usr/share/keyrings/{name}": ARCHIVE}))], "debian")

    assert keyrings.of(PLAIN) == ()
    assert [keys.body for keys in keyrings.of(parse_one_line(named(f"/usr/share/keyrings/{name}"))[0])] == [
        ARCHIVE
    ]


def test_an_image_cannot_widen_whose_keys_count_by_the_name_of_its_distribution() -> None:
    image = tree({"/usr/share/keyrings/vendor-archive-keyring.gpg": ARCHIVE})

    assert Keyrings([("the image", image)], "*").of(PLAIN) == ()


def test_a_source_that_names_keys_believes_no_others() -> None:
    image = tree({"/etc/apt/trusted.gpg": OTHER, "/keys/a.gpg": ARCHIVE, "/keys/b.gpg": EXPIRED})

    (keys,) = Keyrings([("the image", image)], "debian").of(
        parse_one_line(named("/keys/a.gpg,/keys/b.gpg"))[0]
    )

    assert keys.body == ARCHIVE + EXPIRED


def test_keys_that_a_source_holds_itself_need_no_file() -> None:
    block = "".join(f" {line or '.'}\n" for line in armored_key().splitlines())
    text = f"Types: deb\nURIs: http://archive.example/debian\nSuites: bookworm\nSigned-By:\n{block}"

    (keys,) = Keyrings([("the image", tree({}))]).of(parse_deb822(text)[0])

    assert keys.body == ARCHIVE


def test_a_fingerprint_narrows_the_trusted_keys() -> None:
    image = tree({"/etc/apt/trusted.gpg": ARCHIVE + OTHER})

    (keys,) = Keyrings([("the image", image)]).of(parse_one_line(named("ab" * 20 + "!"))[0])

    assert (keys.body, keys.fingerprints) == (ARCHIVE + OTHER, frozenset({"AB" * 20}))


def test_the_image_comes_before_the_machine() -> None:
    owners = [
        ("the image", tree({"/etc/apt/trusted.gpg": ARCHIVE})),
        ("this machine", tree({"/etc/apt/trusted.gpg": OTHER})),
    ]

    assert [(keys.owner, keys.body) for keys in Keyrings(owners).of(PLAIN)] == [
        ("the image", ARCHIVE),
        ("this machine", OTHER),
    ]


def test_who_has_no_keys_is_not_asked() -> None:
    assert Keyrings([("the image", tree({}))], "debian").of(PLAIN) == ()


def test_a_key_that_a_link_leads_to_is_the_trees_own() -> None:
    image = tree({"/keys/a.gpg": ARCHIVE, "/etc/apt/trusted.gpg": Link("../../../../keys/a.gpg")})

    (keys,) = Keyrings([("the image", image)]).of(PLAIN)

    assert keys.body == ARCHIVE


@pytest.mark.parametrize(
    "body", [b"", b"\x00\x00\x00\x20\x01\x01\x00\x02KBXf", b"<html>", b"\x99" + bytes(2 << 20)]
)
def test_what_apt_takes_for_no_keyring_is_none(body: bytes) -> None:
    assert Keyrings([("the image", tree({"/etc/apt/trusted.gpg": body}))]).of(PLAIN) == ()


def test_what_goes_over_the_bounds_is_left_out() -> None:
    many = {f"/etc/apt/trusted.gpg.d/{n:03}.gpg": b"\x99" + n.to_bytes(2, "big") for n in range(200)}
    large = {f"/etc/apt/trusted.gpg.d/{n}.gpg": b"\x99" + bytes([n]) + bytes(1000_000) for n in range(20)}

    assert len(Keyrings([("i", tree(many))]).of(PLAIN)[0].body) == 3 * 63
    assert len(Keyrings([("i", tree(large))]).of(PLAIN)[0].body) < 8 << 20


def test_armor_holds_a_key_or_several() -> None:
    assert dearmored(armored_key()) == ARCHIVE
    assert dearmored(f"before\n{armored_key()}between\n{armored_key()}after") == ARCHIVE * 2
    assert dearmored(armored_key().replace("\n", "\r\n")) == ARCHIVE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        armored_key().replace("-----END", "-----"),
        armored_key().replace("\n\n", "\n", 1),
        armored_key().replace("mDME", "mDM!", 1),
    ],
)
def test_damaged_armor_holds_nothing(text: str) -> None:
    assert dearmored(text) == b""
