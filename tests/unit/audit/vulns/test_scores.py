"""EPSS scores and known exploited vulnerabilities are read strictly."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.vulns.scores import InputUnreadable, parse_epss, parse_kev

EPSS = (
    b"#model_version:v2025.03.14,score_date:2026-11-18T12:55:00Z\ncve,epss,percentile\n"
    b"CVE-2023-4863,0.94,0.99\nCVE-2023-45853,0.01,0.5\n"
)
KEV_JSON = (
    b'{"dateReleased": "2026-11-18T10:00:00Z", "vulnerabilities": '
    b'[{"cveID": "CVE-2023-4863", "dateAdded": "2023-09-13"}]}'
)
KEV_CSV = b'cveID,vendorProject,dateAdded\nCVE-2023-4863,"Google, Inc.",2023-09-13\n'


@pytest.mark.parametrize("body", [EPSS, gzip.compress(EPSS)])
def test_scores_have_a_day_and_a_model(body: bytes) -> None:
    found = parse_epss("epss.csv", body)

    assert (found.date, found.model) == ("2026-11-18T12:55:00Z", "v2025.03.14")
    assert found.scores["CVE-2023-4863"] == (0.94, 0.99)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "its columns"),
        (b"cve,epss,percentile\n", "no scores"),
        (b"cve,score\nCVE-1,1\n", "its columns"),
        (b"cve,epss,percentile\nCVE-1,0.5\n", "row 1"),
        (b"cve,epss,percentile\nCVE-1,high,0.5\n", "row 1"),
        (b"cve,epss,percentile\nCVE-1,1.5,0.5\n", "from 0 to 1"),
        (b"cve,epss,percentile\nCVE-1,nan,0.5\n", "from 0 to 1"),
        (b"cve,epss,percentile\nCVE-\xff,0.1,0.5\n", "UTF-8"),
        (gzip.compress(EPSS)[:-12], "cut short"),
        (b"\x1f\x8bnothing that was packed", "cannot be unpacked"),
    ],
)
def test_what_are_no_scores_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(InputUnreadable, match=words):
        parse_epss("epss.csv", body)


@pytest.mark.parametrize("body", [KEV_JSON, b"\xef\xbb\xbf" + KEV_JSON, KEV_CSV, b"\xef\xbb\xbf" + KEV_CSV])
def test_the_catalogue_may_be_json_or_a_table(body: bytes) -> None:
    assert parse_kev("kev", body).added == {"CVE-2023-4863": "2023-09-13"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no columns"),
        (b"{}", "vulnerabilities"),
        (b'{"vulnerabilities": []}', "no vulnerabilities"),
        (b"cve,date\nCVE-1,x\n", "no columns"),
        (b"cveID,dateAdded\nCVE-1\n", "row 2 is cut short"),
    ],
)
def test_what_is_no_catalogue_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(InputUnreadable, match=words):
        parse_kev("kev", body)


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_an_answer_or_a_sentence(body: bytes) -> None:
    for parse in (parse_epss, parse_kev):
        with suppress(InputUnreadable):
            parse("file", body)
