"""Options by which a gate that passes attests it."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fleet_audit.audit.errors import UsageError

if TYPE_CHECKING:
    from fleet_audit.audit.pipeline.audits.attesting import Attesting

_OPTIONS = (
    click.option(
        "--attest",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="On pass, write a verification summary (in-toto, SLSA) of each image here.",
    ),
    click.option("--verifier", default="", metavar="URI", help="Who attests (default: fleet-audit itself)."),
    click.option("--sign", is_flag=True, help="Have cosign sign each of them, keyless."),
    click.option(
        "--sign-key", default="", metavar="KEY", help="Have cosign sign them with this key or KMS URI."
    ),
)


class Attestation(msgspec.Struct, frozen=True):
    """Where statements are to go, empty for nowhere, in whose name, and how they are signed."""

    attest: Path | None
    verifier: str
    sign: bool
    sign_key: str

    def attesting(self, *, is_baseline: bool) -> "Attesting | None":
        """Return what writes statements; None where none are asked for.

        Raises UsageError for words that contradict each other.
        """
        if self.attest is None:
            if self.verifier or self._is_signed:
                raise UsageError("--verifier, --sign and --sign-key need --attest DIR")
            return None
        if is_baseline:
            raise UsageError("--attest is for releases, where everything counts; leave out --baseline")
        from fleet_audit.audit.pipeline.audits.attesting import Attesting  # noqa: PLC0415  (not for --help)

        return Attesting(self.attest, verifier=self.verifier)

    def begin(self, attesting: "Attesting", subjects: Iterable[str]) -> None:
        """Withdraw what was stated of these subjects before, and only then look for what signs.

        Raises UsageError where something else stands there, ToolUnavailable where cosign is not there.
        """
        from fleet_audit.audit.pipeline.audits.attesting import find_signing  # noqa: PLC0415  (not for --help)

        attesting.withdraw(subjects)
        if self._is_signed:
            attesting.sign_with(find_signing(self.sign_key))

    @property
    def _is_signed(self) -> bool:
        return self.sign or bool(self.sign_key)


def attestation_options(command: Any) -> Any:
    """Give a command these options, which it receives as one `attestation`."""

    @functools.wraps(command)
    def gathered(**words: Any) -> Any:
        given = Attestation(**{name: words.pop(name) for name in Attestation.__struct_fields__})
        return command(attestation=given, **words)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered
