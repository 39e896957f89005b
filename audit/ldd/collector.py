"""Takes the facts of each ELF file while its layer streams by."""

import msgspec

from fleet_audit.audit.images.collector import BodyTooLarge, Member, MemberBody
from fleet_audit.audit.ldd.layout import ELF_MAGIC
from fleet_audit.audit.ldd.reader import read_elf
from fleet_audit.audit.model.elf import SharedObject


class ElfCollector:
    """Gives the `SharedObject` of every ELF file of a layer; see `Collector`."""

    name = "elf"
    version = 6
    record_type = SharedObject
    begins = ELF_MAGIC

    def collect(self, member: Member, body: MemberBody) -> SharedObject | None:
        """Return the facts of an ELF file, None for any other; never raises for what a file holds."""
        if member.size < len(ELF_MAGIC) or bytes(body.upto(len(ELF_MAGIC))) != ELF_MAGIC:
            return None
        try:
            return read_elf(body.part, body.size)
        except BodyTooLarge:
            return _header_only(body)


def _header_only(body: MemberBody) -> SharedObject | None:
    """Describe a file whose tables lie further in than a reader may hold."""
    head = body.part(0, 64)
    facts = read_elf(lambda offset, length: head[offset : offset + length], len(head))
    if facts is None:
        return None
    why = f"its dynamic segment lies too far into its {body.size} bytes to be read"
    return msgspec.structs.replace(facts, oddity=why, refusal="")
