import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bolt import Bucket, bolt_file, read_bolt
from tests.support.laws import examples

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
VALUES = st.dictionaries(KEYS, st.binary(max_size=300), max_size=8)
BUCKETS = st.dictionaries(
    KEYS, st.dictionaries(KEYS, st.one_of(st.binary(max_size=300), VALUES), max_size=8), max_size=4
)


@examples(20)
@given(BUCKETS)
def test_what_is_written_is_read_back(buckets: Bucket) -> None:
    assert read_bolt(bolt_file(buckets)) == buckets


def test_a_bucket_of_many_pages_has_branches_of_branches() -> None:
    many = {f"{number:06}": bytes(300) for number in range(20_000)}

    file = bolt_file({"many": many})

    assert read_bolt(file) == {"many": many}
    assert len(file) > 1024 * 4096


def test_a_value_may_be_larger_than_a_page() -> None:
    buckets = {"large": {"a": bytes(10_000), "b": b"beside it"}}

    assert read_bolt(bolt_file(buckets)) == buckets


def test_what_is_cut_off_or_changed_is_no_such_file() -> None:
    file = bolt_file({"bucket": {"key": b"value"}})

    with pytest.raises(ValueError, match="ends within"):
        read_bolt(file[:4096])
    with pytest.raises(ValueError, match="meta page 0"):
        read_bolt(file[:40] + b"?" + file[41:])
