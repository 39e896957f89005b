"""How often two names of symbols share a hash: ``python -m benchmarks.symbol_hashes ROOTFS``.

Symbols are looked up by the hash of their names alone, where a loader compares the names as well. Prints how
many wanted names nothing in a root file system defines, and how many of those share the hash of one that is.
"""

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import StringTableSection, SymbolTableSection

from fleet_audit.audit.ldd.symbol_table import gnu_hash

_SYMBOL = struct.Struct("<IBBHQQ")


def main(root: str) -> None:
    """Read every 64-bit file below a folder, print one line."""
    defined: set[bytes] = set()
    wanted: set[bytes] = set()
    files = 0
    for path in _files(Path(root)):
        with path.open("rb") as body:
            if body.read(4) == b"\x7fELF":
                files += 1
                for name, is_wanted in _symbols(body):
                    (wanted if is_wanted else defined).add(name)
    hashes = {gnu_hash(name) for name in defined}
    nowhere = wanted - defined
    taken = sorted(name for name in nowhere if gnu_hash(name) in hashes)
    print(
        f"{files} files define {len(defined)} names; of {len(wanted)} that they want, {len(nowhere)} are"
        f" defined nowhere, and {len(taken)} of those share the hash of one that is"
    )


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        paths = (Path(folder, name) for name in names)
        yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _symbols(body: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    try:
        file = ELFFile(body)
        table = file.get_section_by_name(".dynsym")
        if file.elfclass != 64 or not file.little_endian or not isinstance(table, SymbolTableSection):
            return
        text = file.get_section(table["sh_link"])
        strings = text.data() if isinstance(text, StringTableSection) else b""
        for name, _, _, section, _, _ in _SYMBOL.iter_unpack(table.data()):
            if name:
                yield strings[name : strings.find(b"\0", name)], section == 0
    except (ELFError, struct.error, ValueError):
        return


if __name__ == "__main__":
    main(sys.argv[1])
