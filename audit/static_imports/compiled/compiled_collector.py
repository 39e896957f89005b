"""Takes the names in extension modules while their layer streams by, or from a file of this machine."""

import os
import re

from fleet_audit.audit.images.collector import BodyTooLarge, Member, MemberBody
from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.compiled.compiled_names import (
    NAMES_VERSION,
    CompiledNames,
    read_compiled_names,
)
from fleet_audit.audit.static_imports.compiled.constant_data import ELF_MAGIC

_TAGGED = re.compile(r"\w+\.(?:cpython-|abi3|pypy)[-\w]*\.so")
_PLAIN = re.compile(r"(?!lib\w)\w+\.so")
_FOLDERS = ("/python", "-packages/")


class CompiledNamesCollector:
    """Gives the `CompiledNames` of a layer's extension modules; see `Collector`.

    Their names and places say which files they are. One of another name is read when something reaches it.
    """

    name = "compiled-names"
    version = NAMES_VERSION
    record_type = CompiledNames
    begins = ELF_MAGIC

    def collect(self, member: Member, body: MemberBody) -> CompiledNames | None:
        """Return the names in an extension module, None for any other file; never raises."""
        if not is_named_as_extension(member.path):
            return None
        try:
            return read_compiled_names(body.part, body.size, member.path)
        except BodyTooLarge:
            return CompiledNames(why_unknown="has its constants too far into the file")


def is_named_as_extension(path: ImagePath) -> bool:
    """Say whether a file's name has an extension module's tag, or it is a plain one among Python's files."""
    if not path.endswith(".so"):
        return False
    name = basename(path)
    is_near = any(folder in path for folder in _FOLDERS)
    return _TAGGED.fullmatch(name) is not None or (is_near and _PLAIN.fullmatch(name) is not None)


def names_of_file(descriptor: int, path: ImagePath) -> CompiledNames:
    """Return the names in an open file of this machine, and close it; only its constants are read."""

    def read(offset: int, length: int) -> bytes:
        return os.pread(descriptor, length, offset)

    try:
        return read_compiled_names(read, os.fstat(descriptor).st_size, path)
    except OSError as e:
        return CompiledNames(why_unknown=f"cannot be read ({e.strerror})")
    finally:
        os.close(descriptor)
