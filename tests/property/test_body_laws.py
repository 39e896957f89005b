"""Laws of bodies that stream by in chunks: whatever is asked, in whatever order, is what stands there."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.images.layer import Desk, SparseBody, StreamedBody
from fleet_audit.audit.images.tar import Header, TarStream

BEHIND = b"what stands behind the body"

bodies = st.binary(max_size=60)
cuts = st.lists(st.integers(1, 20), min_size=1, max_size=10)
questions = st.lists(st.tuples(st.booleans(), st.integers(0, 70), st.integers(0, 70)), max_size=8)


def streamed(data: bytes, sizes: list[int]) -> TarStream:
    """Return a stream of `data` in chunks of these sizes, over and over."""
    chunks: list[bytes] = []
    while data:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[:size])
        data = data[size:]
    return TarStream(iter(chunks))


@given(bodies, cuts, questions)
def test_parts_of_a_body_are_what_stands_there(
    body: bytes, sizes: list[int], asked: list[tuple[bool, int, int]]
) -> None:
    stream = streamed(body + BEHIND, sizes)
    found = StreamedBody(stream, len(body), Desk(100))

    for is_part, at, length in asked:
        if is_part:
            assert found.part(at, length) == body[at : at + length]
        else:
            assert bytes(found.upto(at)) == body[:at]

    stream.skip(len(body) - stream.offset)
    assert stream.take(len(BEHIND)) == BEHIND


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(min_size=1, max_size=9)), max_size=6), cuts, questions)
def test_holes_of_a_sparse_body_are_zeros(
    runs: list[tuple[int, bytes]], sizes: list[int], asked: list[tuple[bool, int, int]]
) -> None:
    whole, segments = b"", []
    for hole, run in runs:
        whole += bytes(hole)
        segments.append((len(whole), len(run)))
        whole += run
    whole += bytes(3)
    stored = b"".join(run for _, run in runs)
    header = Header("f", 48, len(whole), 0o644, "", 0, len(stored), tuple(segments))
    found = SparseBody(StreamedBody(streamed(stored, sizes), len(stored), Desk(100)), header, 200)

    for is_part, at, length in asked:
        if is_part:
            assert found.part(at, length) == whole[at : at + length]
        else:
            assert bytes(found.upto(at)) == whole[:at]
