"""Laws of places within texts: whatever way a text is written in a file, its characters are found there."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.configuration.located import load

WORDS = st.lists(st.text("abé>|=&.()", min_size=1, max_size=8), min_size=1, max_size=12)
GAPS = st.lists(st.sampled_from([" ", "  ", "\n  ", "\n    ", "\n\n  "]), min_size=12, max_size=12)


@given(words=WORDS, gaps=GAPS, style=st.sampled_from([">-", ">", "|", "|-"]))
def test_every_word_of_a_block_is_found_where_it_stands(
    words: list[str], gaps: list[str], style: str
) -> None:
    body = "".join(gap + word for gap, word in zip(["", *gaps], words, strict=False))
    source = f"first: é\nx: {style}\n  {body}\nlast: 1\n"
    located = load(source, name="a.yaml")
    text = located.view("x").text or ""
    lines = source.split("\n")

    at = 0
    for word in words:
        at = text.index(word, at)
        problem = located.problem_within(("x",), at, "wrong")
        line = lines[problem.line - 1]
        assert line[problem.column - 1 :].startswith(word)
        at += len(word)


@given(text=st.text(max_size=40), offset=st.integers(0, 50))
def test_no_text_makes_a_place_outside_of_the_file(text: str, offset: int) -> None:
    quoted = "'" + "".join(c for c in text if c.isprintable()).replace("'", "''") + "'"
    source = f"x: {quoted}\n"

    problem = load(source, name="a.yaml").problem_within(("x",), offset, "wrong")

    assert problem.line == 1
    assert 0 <= problem.column <= len(source)
