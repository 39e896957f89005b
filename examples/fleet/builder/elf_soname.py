"""Under which soname a shared library asks to be found."""

from io import BytesIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

_ELF64_X86_64 = b"\x7fELF\x02\x01\x01"


def soname(name: str, body: bytes) -> str | None:
    """Return the DT_SONAME of an x86-64 shared object, its file `name` where it has none, else None.

    ldconfig takes a library without DT_SONAME under its file name (glibc, elf/readlib.c).
    """
    if not body.startswith(_ELF64_X86_64):
        return None
    try:
        elf = ELFFile(BytesIO(body))
        if elf["e_machine"] != "EM_X86_64" or elf["e_type"] != "ET_DYN":
            return None
        for segment in elf.iter_segments("PT_DYNAMIC"):
            for tag in segment.iter_tags("DT_SONAME"):  # type: ignore[attr-defined]  # PT_DYNAMIC has tags
                return str(tag.soname)
    except (ELFError, ValueError, KeyError):
        return None
    return name


def is_library_name(name: str) -> bool:
    """Say whether ldconfig looks at a file of this name (glibc, elf/ldconfig.c: ``_dl_is_dso``)."""
    return name.startswith(("lib", "ld-", "ld.so", "ld64.so")) and ".so" in name
