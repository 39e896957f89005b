import pytest

from fleet_audit.audit.apt.debian import control
from fleet_audit.audit.apt.debian.control import StanzaTooLong, fields, stanzas


def test_stanzas_are_split_wherever_the_chunks_end() -> None:
    body = b"Package: a\n\nPackage: b\nVersion: 1\n\n\n \nPackage: c\n"
    whole = list(stanzas([body]))

    assert [fields(s)["Package"] for s in whole] == ["a", "b", "c"]
    for size in range(1, len(body)):
        chunks = [body[i : i + size] for i in range(0, len(body), size)]
        assert [fields(s) for s in stanzas(chunks)] == [fields(s) for s in whole]


def test_continuation_lines_belong_to_their_field() -> None:
    text = "Package: a\nDepends: b,\n c\nDescription: x\n .\n y"

    assert fields(text) == {"Package": "a", "Depends": "b,\nc", "Description": "x\n.\ny"}
    assert fields(text, {"Depends"}) == {"Depends": "b,\nc"}


def test_the_first_of_repeated_fields_counts() -> None:
    assert fields("Package: a\nPackage: b\n continued") == {"Package": "a"}


def test_lines_that_are_no_fields_are_passed_over() -> None:
    assert fields("garbage\n more\nPackage: a") == {"Package": "a"}


def test_bytes_that_are_no_text_are_kept_apart() -> None:
    assert list(stanzas([b"Package: \xff\n"])) == ["Package: \\xff\n"]


def test_a_stanza_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "STANZA_LIMIT", 1000)

    with pytest.raises(StanzaTooLong):
        list(stanzas([b"Package: a\n" + b" x\n" * 100] * 10))
