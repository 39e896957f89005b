"""Entry point of ``fleet-audit``: turns errors into sentences and exit codes."""

import gc
import os
import sys
from collections.abc import Sequence

import click

from fleet_audit.audit.errors import FleetAuditError, ReaderGone
from fleet_audit.cli.app import app

INTERNAL_ERROR = 70
"""EX_SOFTWARE of sysexits.h: the fault is ours, not the user's."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (CONTRACT: 0, 1, 2, 3 or 70)."""
    # Facts are many small objects that stay: looking among them for cycles takes a tenth of a run, and to
    # look once more at its end would be for nothing.
    gc.set_threshold(100_000, 50, 100)
    code = run(sys.argv[1:] if argv is None else list(argv))
    gc.freeze()
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; expected failures are printed in one sentence."""
    try:
        code = app.main(args=list(argv), prog_name="fleet-audit", standalone_mode=False)
    except click.exceptions.Abort:
        return _say("stopped", 130)
    except click.ClickException as error:
        return _say_usage(error)
    except FleetAuditError as error:
        return _say(str(error), error.exit_code)
    except ReaderGone:
        # Standard output leads elsewhere from here on, so that flushing stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001  (the one place where nothing may escape as a traceback)
        return _say_internal(error, argv)
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    from fleet_audit.reports.terminal import visible  # noqa: PLC0415  (not for --help)

    # A message may hold names from an image; only its own line ends are meant.
    lines = (visible(line) for line in message.split("\n"))
    click.echo("fleet-audit: " + "\n".join(lines), err=True)
    return code


def _say_usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None and error.format_message() == context.get_help():
        # Without any word, the help is the message.
        click.echo(context.get_help(), err=True)
        return 2
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    return _say(error.format_message() + hint, 2)


def _say_internal(error: Exception, argv: Sequence[str]) -> int:
    if any(word in ("-v", "-vv", "--verbose") for word in argv):
        import traceback  # noqa: PLC0415  (needed once in a lifetime)

        traceback.print_exception(error)
    return _say(
        f"internal error: {type(error).__name__}: {error}; run again with -v and report what it prints",
        INTERNAL_ERROR,
    )


if __name__ == "__main__":
    main()
