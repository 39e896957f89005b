"""Nothing is believed but what was signed, however a Release, a key or a list of sources is damaged."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.archive.keyrings import Keyrings, dearmored
from fleet_audit.audit.apt.archive.signatures import BadSignature, GpgvCheck, Signed, clear_text
from fleet_audit.audit.apt.archive.sources import ArchiveSource, parse_one_line
from tests.support.laws import examples
from tests.support.signatures import RELEASE, armored_key, detached, gpgv, key, signed
from tests.support.trees import tree

SOURCE = parse_one_line("deb http://archive.example/debian bookworm main")[0]
TRUSTED = Keyrings([("the image", tree({"/etc/apt/trusted.gpg": key("archive")}))])
ASKING_GPGV = examples(60)

ARMOR = armored_key()
pieces = st.sampled_from(
    [*ARMOR.splitlines(keepends=True), "-----BEGIN PGP SIGNED MESSAGE-----\n", "\n", ".\n", "=abc\n"]
)
armors = st.lists(pieces | st.text(max_size=6), max_size=16).map("".join)


def checked(body: bytes, release_gpg: bytes | None, keyrings: Keyrings = TRUSTED) -> Signed | None:
    """Return what may be believed of a Release; None where it is refused."""
    with TemporaryDirectory() as folder:
        try:
            return GpgvCheck(gpgv(), Path(folder), keyrings)(SOURCE, body, release_gpg)
        except BadSignature:
            return None


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """Give `body` with a stretch replaced, taken out, or something put in."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 40)))
    lines = st.sampled_from(body.splitlines(keepends=True))
    return body[:start] + draw(st.binary(max_size=8) | lines) + body[end:]


@ASKING_GPGV
@given(damaged(signed("archive")))
def test_a_damaged_inrelease_is_refused_doubted_or_says_what_was_signed(body: bytes) -> None:
    found = checked(body, None)

    # Blanks at the ends of lines are no part of what a clear signature signs (RFC 9580, section 7.2).
    assert found is None or found.doubt or _bare(found.text) == _bare(RELEASE)


@ASKING_GPGV
@given(damaged(RELEASE), st.just(detached()) | damaged(detached()))
def test_a_damaged_release_is_never_proved_by_a_signature_beside_it(body: bytes, release_gpg: bytes) -> None:
    found = checked(body, release_gpg)

    assert found is None or found.doubt or found.text == RELEASE


@ASKING_GPGV
@given(damaged(key("archive")))
def test_a_damaged_key_proves_what_the_key_proves_or_nothing(body: bytes) -> None:
    found = checked(signed("archive"), None, Keyrings([("the image", tree({"/etc/apt/trusted.gpg": body}))]))

    assert found is None or found.doubt or found.text == RELEASE


@given(armors)
def test_armor_of_any_content_is_read(text: str) -> None:
    assert len(dearmored(text)) <= len(text.encode())
    assert len(clear_text(text.encode())) <= len(text.encode()) + text.count("\n")


@given(
    st.dictionaries(st.sampled_from(["/a", "/b", "/etc/apt/trusted.gpg"]), st.binary(max_size=20)), st.text()
)
def test_keys_are_found_whatever_a_source_names(files: dict[str, bytes], signed_by: str) -> None:
    source = ArchiveSource("http://archive.example", "x", signed_by=signed_by)

    assert all(keys.body for keys in Keyrings([("the image", tree(files))], "debian").of(source))


def _bare(text: bytes) -> list[bytes]:
    return [line.rstrip(b" \t\r") for line in text.rstrip(b"\r\n").split(b"\n")]
