"""Takes the dynamic symbols of each ELF file while its layer streams by."""

import os

import msgspec

from fleet_audit.audit.images.collector import BodyTooLarge, Member, MemberBody
from fleet_audit.audit.ldd.layout import ELF_MAGIC
from fleet_audit.audit.ldd.library_names import library_names, opens_libraries, strings_lie_in
from fleet_audit.audit.ldd.reader import dynamic_file
from fleet_audit.audit.ldd.symbol_table import SymbolTable, read_symbols
from fleet_audit.audit.ldd.window import Damaged, Read


class SymbolCollector:
    """Gives the `SymbolTable` of every ELF file of a layer that has one; see `Collector`."""

    name = "elf-symbols"
    version = 5
    record_type = SymbolTable
    begins = ELF_MAGIC

    def collect(self, member: Member, body: MemberBody) -> SymbolTable | None:
        """Return the symbols of an ELF file, None for any other; never raises for what a file holds."""
        if member.size < len(ELF_MAGIC) or bytes(body.upto(len(ELF_MAGIC))) != ELF_MAGIC:
            return None

        def read(offset: int, length: int) -> bytes:
            return body.part(offset, length)

        try:
            table = read_symbols(read, body.size)
            return _with_names(table, read, body.size)
        except BodyTooLarge:
            return SymbolTable(damage=f"its symbols lie too far into its {body.size} bytes to be read")


def symbols_of_file(descriptor: int, *, with_names: bool = False) -> SymbolTable | None:
    """Return the symbols of an open file of this machine, and close it; None where it has none.

    `opens` is filled in only `with_names`: for that the whole file is read.
    """

    def read(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    try:
        size = os.fstat(descriptor).st_size
        table = read_symbols(read, size)
        return _with_names(table, read, size) if with_names else table
    except OSError as e:
        return SymbolTable(damage=f"it cannot be read ({e.strerror})")
    finally:
        os.close(descriptor)


def _with_names(table: SymbolTable | None, read: Read, size: int) -> SymbolTable | None:
    if table is None or not opens_libraries(table):
        return table
    try:
        file = dynamic_file(read, size)
    except Damaged:
        file = None
    stretches = [] if file is None else strings_lie_in(file.loads, size)
    return msgspec.structs.replace(table, opens=library_names(read, stretches))
