"""Every hostile file of the corpus has its answer: no crash, no hang, and the imports around it are found."""

import time
from collections.abc import Iterator

import pytest

from fleet_audit.audit.static_imports.source.own_code import read_own_code
from fleet_audit.audit.static_imports.source.reading import read_source, why_unreadable
from fleet_audit.audit.static_imports.source.store import decode_record, encode_record
from fleet_audit.audit.static_imports.source.syntax import Judge
from tests.fuzz.make_source_corpus import FOLDER, corpus

NAMES = sorted(corpus())
SECONDS = 4.0
LARGEST = 128 << 10

ALL = {"first", "last"}
FOUND = {
    "crash-programs-in-programs": {*ALL, "os"},
    "empty": set[str](),
    # Of two marks Python takes the second for a letter of the first statement.
    "encoding-two-marks": {"last"},
    "grammar-non-ascii-name": {*ALL, "inner"},
    "layout-continued": {*ALL, "a"},
    "layout-form-feeds": {*ALL, "inner"},
    "layout-tabs": {*ALL, "inner", "same"},
    "long-import": {*ALL, *(f"m{i}" for i in range(2_000))},
    "unfinished-import": {*ALL, "a"},
    "unfinished-merge-in-a-function": {*ALL, "inner"},
    "unfinished-method": {*ALL, "inner"},
    "unfinished-text-of-a-function": {*ALL, "inner"},
}


def test_the_corpus_is_what_its_script_makes() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == corpus()
    assert max(map(len, corpus().values())) < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_the_imports_of_a_hostile_file_are_found_in_bounded_time(name: str) -> None:
    body = (FOLDER / name).read_bytes()
    begin = time.process_time()
    record = read_source(body, is_own_code=True)
    spent = time.process_time() - begin

    assert {found.module for found in record.imports} == FOUND.get(name, ALL)
    assert decode_record(encode_record(record)) == record
    assert spent < SECONDS


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Give what judges all files, as in a run: a worker that dies of one is replaced for the next."""
    with Judge(deadline=SECONDS) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_what_no_parser_reads_of_a_hostile_file_hides_no_import(judge: Judge, name: str) -> None:
    body = (FOLDER / name).read_bytes()
    record = read_own_code(body, judge, (3, 11)).record

    assert {found.module for found in record.imports} == FOUND.get(name, ALL)


def test_only_what_no_python_source_may_hold_is_not_read() -> None:
    refused = {name for name, body in corpus().items() if why_unreadable(body)}

    assert refused == {"encoding-utf-16", "layout-nul-bytes"}
