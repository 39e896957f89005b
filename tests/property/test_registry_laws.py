"""What holds of registries whatever users type, files hold and servers send."""

import string
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.images.blobs import Blob
from fleet_audit.audit.images.found import FoundLayer
from fleet_audit.audit.images.pulled import arriving
from fleet_audit.audit.model.identity import DiffID, Digest
from fleet_audit.audit.model.image import Layer
from fleet_audit.audit.tools.registry_challenge import parse_challenges
from fleet_audit.audit.tools.registry_credentials import find_credentials
from fleet_audit.audit.tools.registry_reference import BadReference, parse_reference
from tests.support.images import sha256
from tests.support.pulled import MemoryPulls
from tests.support.registries import Pushed

HOSTS = st.sampled_from(["registry.example", "localhost:5000", "127.0.0.1", "[::1]:5000", "Box:1"])
WORDS = st.text(string.ascii_letters + string.digits + "._-/:@?#%\\ \n\0é", max_size=30)
SAFE = set(string.ascii_letters + string.digits + "._-/:[]")


@given(text=WORDS | st.builds("{}/{}".format, HOSTS, WORDS))
def test_what_is_taken_for_a_reference_is_safe_in_an_address(text: str) -> None:
    try:
        reference = parse_reference(text)
    except BadReference:
        return

    address = f"{reference.base({})}{reference.repository}/manifests/{reference.wanted}"
    assert set(address) <= SAFE
    assert ".." not in reference.repository.split("/")
    assert text.lower().startswith(f"{reference.host}/{reference.repository}")


@given(
    headers=st.lists(st.text(max_size=80) | st.builds('Bearer realm="{}",{}'.format, st.text(), st.text()))
)
def test_no_header_is_too_odd_to_be_read(headers: list[str]) -> None:
    assert all(challenge.scheme in ("bearer", "basic") for challenge in parse_challenges(headers))


@given(body=st.binary(max_size=200) | st.text('{}[]":,authsx ', max_size=60).map(str.encode))
def test_no_file_of_credentials_is_too_damaged_to_be_told(body: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_bytes(body)

        sought = find_credentials("registry.example", "a", {"DOCKER_CONFIG": folder})

    assert sought.found is None
    assert len(sought.problems) <= 1


@given(
    body=st.binary(max_size=500),
    piece=st.integers(1, 600),
    sizes=st.lists(st.integers(1, 300), min_size=1),
)
def test_a_layer_arrives_whole_in_whatever_pieces_it_is_sent_and_asked_for(
    body: bytes, piece: int, sizes: list[int]
) -> None:
    digest = sha256(body)
    layer = Layer(DiffID(digest), Digest(digest), "", len(body), "")
    pulls = MemoryPulls(Pushed({digest: body}, {}), Path(), piece=piece)
    read, close = arriving(pulls, FoundLayer(layer, Blob("", 0, len(body))))

    got = b""
    for at in range(len(body) + 1):
        chunk = read(sizes[at % len(sizes)])
        assert len(chunk) <= sizes[at % len(sizes)]
        got += chunk
    close()

    assert got == body
