"""Takes the dynamic symbols of each ELF file while its layer streams by."""

import os

from fleet_audit.audit.images.collector import BodyTooLarge, Member, MemberBody
from fleet_audit.audit.ldd.layout import ELF_MAGIC
from fleet_audit.audit.ldd.symbol_table import SymbolTable, read_symbols


class SymbolCollector:
    """Gives the `SymbolTable` of every ELF file of a layer that has one; see `Collector`."""

    name = "elf-symbols"
    version = 1
    record_type = SymbolTable

    def collect(self, member: Member, body: MemberBody) -> SymbolTable | None:
        """Return the symbols of an ELF file, None for any other; never raises for what a file holds."""
        if member.size < len(ELF_MAGIC) or bytes(body.upto(len(ELF_MAGIC))) != ELF_MAGIC:
            return None

        def read(offset: int, length: int) -> bytes:
            return bytes(body.upto(offset + length)[offset : offset + length])

        try:
            return read_symbols(read, body.size)
        except BodyTooLarge:
            return SymbolTable(damage=f"its symbols lie too far into its {body.size} bytes to be read")


def symbols_of_file(descriptor: int) -> SymbolTable | None:
    """Return the symbols of an open file of this machine, and close it; None where it has none."""
    try:
        return read_symbols(lambda at, length: os.pread(descriptor, length, at), os.fstat(descriptor).st_size)
    except OSError as e:
        return SymbolTable(damage=f"it cannot be read ({e.strerror})")
    finally:
        os.close(descriptor)
