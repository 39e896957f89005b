"""What is installed, from where and how surely the same again: flat records that rules may speak of.

The names of the fields are the words of the rules' language, as in audit/policy/facts.py. `path` is the file
in which something stands; `services` and `families` are those that the file is built for.
"""

import msgspec

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation


class Install(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a command installs, or a requirements file that it reads (`is_from_file`).

    `place` is where the command stands: ``dockerfile``, ``workflow`` or ``script``.
    `manager` is whose archive it comes from (apt, apk, dnf, zypper, pip, npm, gem, go, cargo, conda), and
    `program` what is called (``uv pip``). `requirement` is the whole as it is written. `is_pinned` where it
    names one version, `is_hashed` where the file is checked against a hash, `is_commit` where an address
    names a commit. `is_address` where it is fetched from a repository of sources by `reference`. `is_tool`
    where the package is what installs others (pip, setuptools, wheel).

    Where the name is known to be another project's than people mean, `meant` is that, `actual` what is got,
    `instead` how to install what is meant, and `row` says which row of the knowledge base knows. `is_absent`
    where nothing is offered under that name; `is_run` where a program of that name is run in the same file,
    and `is_certain` where nobody can mean what is got.
    """

    path: str = ""
    place: str = ""
    manager: str = ""
    program: str = ""
    name: str = ""
    requirement: str = ""
    reference: str = ""
    is_pinned: bool = False
    is_hashed: bool = False
    is_from_file: bool = False
    is_address: bool = False
    is_commit: bool = False
    is_tool: bool = False
    meant: str = ""
    actual: str = ""
    instead: str = ""
    row: str = ""
    is_absent: bool = False
    is_certain: bool = False
    is_run: bool = False
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class HashClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hash that cannot be that of a file, or is missing where pip demands one.

    `problem` is ``algorithm`` (one that pip does not take), ``length``, ``digits``, ``repetition`` (a pattern
    of a few digits), ``empty`` (that of no bytes at all), ``shared`` (the files of `others` are said to have
    it too), or ``missing`` and ``unpinned`` (pip asks for a hash and a version of each once one has a hash).
    """

    path: str = ""
    name: str = ""
    algorithm: str = ""
    digest: str = ""
    problem: str = ""
    others: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class BuildCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command, or an instruction of a Dockerfile, that does not do what it seems to, or trusts too much.

    `kind` is ``masked`` (its failure is swallowed, by `detail`), ``stray-file`` (a version becomes a redirect
    to the file `detail`), ``piped-script`` (what is fetched from `detail` is run unread), ``unchecked-add``,
    ``moving-source`` (a clone without a commit), ``extra-index``, ``unverified`` (`detail` switches checks
    off), ``without-hashes`` or ``misread-array`` (`words` are no JSON, and are taken as text). `place` is
    ``dockerfile``, ``workflow``, ``script`` or ``configuration``. `program` is what is called, `words` those
    that say what is meant. `is_hashed` where hashes are demanded all the same.
    """

    path: str = ""
    kind: str = ""
    place: str = ""
    program: str = ""
    words: str = ""
    detail: str = ""
    is_hashed: bool = False
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class BaseImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The image that a stage is built from; `stage` is its name or number.

    `image` is the reference as it comes out with the build's arguments. `is_pinned` where it has a digest;
    `is_own` where it lies below the fleet's registry prefix, and `fits_pattern` where its tag is one of the
    fleet's scheme, which is given once.
    """

    path: str = ""
    stage: str = ""
    image: str = ""
    tag: str = ""
    is_pinned: bool = False
    is_own: bool = False
    fits_pattern: bool = False
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


Practice = Install | HashClaim | BuildCommand | BaseImage


class Practised(msgspec.Struct, frozen=True):
    """A record, what it is about (`name`, a part of fingerprints), and the lines that a person can change."""

    practice: Practice
    name: str
    location: SourceLocation
    related: tuple[SourceLocation, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
