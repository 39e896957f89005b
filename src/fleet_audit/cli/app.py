"""The table of commands. A command's module is imported when it is called, so that ``--help`` is instant."""

import importlib

import click

from fleet_audit import __version__

COMMANDS: dict[str, str] = {
    "deps": "What the services need from an image, what is missing, and which packages supply it.",
    "imports": "What services import, where, from which distribution, and what nobody provides.",
    "ldd": "Which entry points of an image cannot load, and exactly why.",
    "explain": "The whole chain behind a soname, program, package, module, distribution or file.",
    "sbom": "What is in an image: packages, bundled libraries, and how they hang together.",
    "vulns": "What is known to be wrong with what is in an image, and which services reach it.",
    "diff": "How two images, SBOMs or audits differ: packages, libraries, needs, findings, sizes.",
    "dockerfiles": "What the repository's Dockerfiles, builds and image references claim, checked.",
    "gate": "May images be released? Every check, one policy, exceptions that end; audits are stored.",
    "report": "Everything that stored audits say of images: verdict, what to do, and what it rests on.",
    "inspect": "What an image would run: entrypoint, user, environment, health, services.",
    "rules": "Which rules hold, and why; whether they are right, and what they would block.",
    "waivers": "Exceptions from rules: who answers for them, when they end, what they waive.",
    "vex": "What the fleet says itself of vulnerabilities: its waivers as OpenVEX statements.",
    "history": "Since when findings are there, and how many come and go.",
    "index": "The package archives that deps plans with: read ahead, or show what is kept.",
    "init": "Draft fleet.yaml from what a repository holds.",
    "doctor": "Which tools, versions and caches are there, and what is missing.",
}
"""Name of each command, in the order of the help text, and its one line there."""


class LazyGroup(click.Group):
    """A group whose commands live in ``fleet_audit.cli.<name>`` as ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for a name that is not in the table."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"fleet_audit.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fleet-audit")
def app() -> None:
    """Audit container images against the services that run on them.

    Exit codes: 0 pass, 1 findings block, 2 wrong usage or configuration, 3 incomplete, 70 internal error.
    """
