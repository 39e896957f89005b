"""Coverage-guided fuzzing of what reads ELF files and ld.so.cache, with atheris (libFuzzer).

Run ``python -m tests.fuzz.elf_target FOLDER tests/fixtures/elf/corpus -max_total_time=60`` from a checkout;
what is found interesting goes to FOLDER. It ends with an error when a reader raises what it does not promise.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["fleet_audit.audit.ldd"]):
    from fleet_audit.audit.ldd.loader_cache import CacheDamaged, parse_cache
    from fleet_audit.audit.ldd.reader import read_elf
    from fleet_audit.audit.ldd.symbol_table import read_symbols


def read_everything(body: bytes) -> None:
    """Read a body as everything that it could be; raises only what is a fault of the readers."""
    read_elf(lambda offset, length: body[offset : offset + length], len(body))
    read_symbols(lambda offset, length: body[offset : offset + length], len(body))
    for little_endian in (True, False):
        with suppress(CacheDamaged):
            parse_cache(body, little_endian=little_endian)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_everything)
    atheris.Fuzz()
