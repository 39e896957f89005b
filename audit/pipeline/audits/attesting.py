"""Statements on images that passed, a file for each: for a pass alone, and none is left from before."""

import os
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import FleetAuditError, UsageError
from fleet_audit.audit.model.attestation import SUMMARY, VERIFIER, statement_of
from fleet_audit.audit.model.finding import Verdict
from fleet_audit.audit.model.gating import GatedImage, GateReport
from fleet_audit.audit.pipeline.audits.stored import replace_file, subject_folder
from fleet_audit.audit.tools import cosign
from fleet_audit.audit.tools.process import ToolUnavailable

SUFFIX = ".vsa.intoto.json"
SIGNED = ".sigstore.json"
_MAX_BYTES = 1 << 20


class AttestationFailed(FleetAuditError):
    """A statement could not be written, signed or withdrawn; of the run's own statements none is left."""

    exit_code = 70


class Signing(msgspec.Struct, frozen=True):
    """Who signs: what ``cosign --key`` takes, empty for keyless signing, and the program."""

    program: Path
    key: str = ""


def find_signing(key: str) -> Signing:
    """Return how statements are signed; raises ToolUnavailable without cosign."""
    program = cosign.find_cosign(os.environ)
    if program is None:
        raise ToolUnavailable([cosign.NAME], FileNotFoundError(2, f"it was not found; {cosign.ADVICE}"))
    return Signing(program, key)


class Attesting:
    """The folder of a gate's statements. What an earlier gate said of the same subjects is withdrawn first.

    A statement of before would otherwise be taken for this gate's, which may not pass.
    """

    def __init__(self, folder: Path, *, verifier: str = "", signing: Signing | None = None) -> None:
        """Take the folder, who verifies (a URI), and how it is signed, if it is."""
        self._folder = folder
        self._verifier = verifier or VERIFIER
        self._signing = signing

    def sign_with(self, signing: Signing) -> None:
        """Have the statements signed."""
        self._signing = signing

    def withdraw(self, subjects: Iterable[str]) -> None:
        """Remove our own statements on these subjects, with their signatures.

        Raises UsageError where anything else stands in the place of one, and nothing is removed then;
        AttestationFailed where one cannot be removed.
        """
        places = [self._place(subject) for subject in subjects]
        ours = [place for place in places if os.path.lexists(place)]
        for place in ours:
            if not _is_ours(place):
                raise UsageError(
                    f"{place}: it is no statement of a gate, and is left alone; name another folder"
                )
        try:
            for place in ours:
                _signature(place).unlink(missing_ok=True)
                place.unlink()
        except OSError as e:
            why = f"what was stated before cannot be withdrawn: {e.strerror or e}"
            raise AttestationFailed(f"{self._folder}: {why}; remove {e.filename or 'it'}") from e

    def attest_pass(self, report: GateReport, at: str) -> None:
        """Write a statement on each image of a gate that passed; where it did not, none.

        Raises AttestationFailed.
        """
        if report.verdict is Verdict.PASS:
            self.attest((image for image in report.images if image.audit.image is not None), at)

    def attest(self, images: Iterable[GatedImage], at: str) -> list[Path]:
        """Write, and sign, a statement on each image; return their places.

        Raises AttestationFailed; then none of them is left.
        """
        written: list[Path] = []
        try:
            for place, body in [self._made(image, at) for image in images]:
                self._folder.mkdir(parents=True, exist_ok=True)
                written.append(place)
                replace_file(place, body)
                if self._signing is not None:
                    signing = self._signing
                    cosign.sign_statement(
                        signing.program, place, _signature(place), os.environ, key=signing.key
                    )
        except (OSError, FleetAuditError) as e:
            for place in _with_signatures(written):
                place.unlink(missing_ok=True)
            why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
            raise AttestationFailed(f"{self._folder}: nothing is attested: {why}") from e
        return written

    def _made(self, image: GatedImage, at: str) -> tuple[Path, bytes]:
        with open(image.file, "rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        statement = statement_of(
            image.audit, stored=image.file, stored_sha256=digest, at=at, verifier=self._verifier
        )
        body = msgspec.json.format(msgspec.json.encode(statement), indent=2) + b"\n"
        return self._place(image.subject), body

    def _place(self, subject: str) -> Path:
        return self._folder / f"{subject_folder(subject)}{SUFFIX}"


def _signature(place: Path) -> Path:
    return place.with_name(place.name.removesuffix(".json") + SIGNED)


def _with_signatures(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from (place, _signature(place))


class _Statement(msgspec.Struct, frozen=True):
    predicateType: str = ""  # noqa: N815  (in-toto's name)


def _is_ours(place: Path) -> bool:
    """Say whether a file is a verification summary, as only a gate writes one by this name."""
    try:
        if place.is_symlink() or not place.is_file():
            return False
        with place.open("rb") as file:
            body = file.read(_MAX_BYTES)
        return msgspec.json.decode(body, type=_Statement).predicateType == SUMMARY
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
