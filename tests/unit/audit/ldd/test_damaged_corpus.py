"""Every damaged file of the corpus has its answer: no crash, no hang, bounded memory, and the same words."""

import time
import tracemalloc
from contextlib import suppress

import pytest

from fleet_audit.audit.ldd.loader_cache import CacheDamaged, parse_cache
from fleet_audit.audit.ldd.symbol_table import read_symbols
from tests.fuzz.make_corpus import FOLDER, corpus
from tests.support.elf import facts
from tests.support.snapshots import assert_snapshot

NAMES = sorted(corpus())
LARGEST = 4096
SECONDS = 2.0
MEMORY = 8 << 20


def test_the_corpus_is_what_its_script_makes() -> None:
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir()} == corpus()
    assert max(map(len, corpus().values())) < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_read_in_bounded_time_and_memory(name: str) -> None:
    body = (FOLDER / name).read_bytes()
    begin = time.process_time()
    tracemalloc.start()
    try:
        facts(body)
        read_symbols(lambda offset, length: body[offset : offset + length], len(body))
        for little_endian in (True, False):
            with suppress(CacheDamaged):
                parse_cache(body, little_endian=little_endian)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.process_time() - begin < SECONDS
    assert peak < MEMORY


def _answer(name: str, body: bytes) -> str:
    if name.startswith("cache-"):
        try:
            found = parse_cache(body)
        except CacheDamaged as error:
            return f"damaged: {error}"
        return f"{sum(map(len, found.values()))} entries"
    known = facts(body)
    if known is None:
        return "not ELF"
    parts = [f"{known.elf_class} bits", f"needs {len(known.needed)}"]
    parts += [f"odd: {known.oddity}"] * bool(known.oddity)
    parts += [f"refused: {known.refusal}"] * bool(known.refusal)
    return ", ".join(parts)


def test_each_damage_is_named() -> None:
    told = (f"{name}: {_answer(name, body)}\n" for name, body in corpus().items())

    assert_snapshot("elf/corpus.txt", "".join(told))
