"""Coverage-guided fuzzing of what reads Python files, with atheris (libFuzzer).

Run ``python -m tests.fuzz.source_target FOLDER tests/fixtures/sources/corpus -max_total_time=60`` from a
checkout; what is found interesting goes to FOLDER. It ends with an error when the reader raises, or gives a
record that does not hold together or does not survive being kept, or where the pieces that a damaged file
is cut into do not make up the file. Parsers on whole files are left out: libcst is known to crash, which is
why what may harm it runs in a process of its own.
"""

import sys

import atheris

with atheris.instrument_imports(include=["fleet_audit.audit.static_imports"]):
    from fleet_audit.audit.static_imports.source.lexer import decode, lex
    from fleet_audit.audit.static_imports.source.pieces import lexed_apart, pieces
    from fleet_audit.audit.static_imports.source.reading import read_source
    from fleet_audit.audit.static_imports.source.store import decode_record, encode_record


def read_everything(body: bytes) -> None:
    """Read a body as own and as installed code; raises only what is a fault of the reader."""
    for is_own_code in (True, False):
        record = read_source(body, is_own_code=is_own_code)
        blocks = len(record.blocks)
        if any(not 0 <= found.block < blocks for found in record.imports):
            raise AssertionError("an import stands in no block")
        if any(block.parent >= index for index, block in enumerate(record.blocks)):
            raise AssertionError("a block stands before the one that it is in")
        if decode_record(encode_record(record)) != record:
            raise AssertionError("what is kept is another record")
    cut_up(decode(body))


def cut_up(source: bytes) -> None:
    """Cut a text into pieces; raises where they leave out or add anything."""
    cut = pieces(source)
    if b"".join(source[piece.start : piece.end] for piece in cut) != source:
        raise AssertionError("the pieces are not the file")
    if len(lexed_apart(lex(source), cut).shadow) != len(source):
        raise AssertionError("the shadow of the pieces is not as long as the file")


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_everything)
    atheris.Fuzz()
