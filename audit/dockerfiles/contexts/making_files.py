"""Which commands and steps before a build may make files that it takes, and the repository does not hold.

Commands that only look, say or configure make none; of all others it is not known.
"""

from collections.abc import Mapping

from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.script import Redirect

_LOOKING = frozenset(
    {
        *(
            ":",
            "[",
            "[[",
            "cat",
            "cd",
            "command",
            "date",
            "df",
            "du",
            "echo",
            "env",
            "exit",
            "export",
            "false",
        ),
        *("find", "free", "grep", "head", "id", "jq", "ls", "printf", "pwd", "set", "sleep", "sort", "tail"),
        *("test", "true", "type", "uname", "which", "whoami"),
        *("apk", "apt", "apt-get", "cosign", "grype", "hadolint", "pip", "pip3", "trivy"),
    }
)
_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("docker", "podman", "buildah", "nerdctl"),
        frozenset(
            {
                *(
                    "bud",
                    "build",
                    "builder",
                    "buildx",
                    "image",
                    "images",
                    "info",
                    "inspect",
                    "login",
                    "logout",
                ),
                *(
                    "manifest",
                    "network",
                    "ps",
                    "pull",
                    "push",
                    "rm",
                    "rmi",
                    "scout",
                    "system",
                    "tag",
                    "version",
                ),
            }
        ),
    ),
    "git": frozenset({"config", "describe", "diff", "log", "rev-parse", "show", "status", "tag"}),
}
_ACTIONS = ("actions/checkout", "actions/setup-", "docker/", "sigstore/", "hadolint/", "aquasecurity/")
_LOGINS = ("login", "auth", "credentials")


def may_make_files(command: Executed) -> bool:
    """Say whether a command may leave files behind."""
    if any(_writes(redirect) for redirect in command.command.redirects):
        return True
    known = _SUBCOMMANDS.get(command.program)
    if known is not None:
        return next((word for word in command.arguments if not word.startswith("-")), "") not in known
    return command.program not in _LOOKING


def _writes(redirect: Redirect) -> bool:
    """Say whether a redirect writes into a file that a build could take."""
    if ">" not in redirect.operator or redirect.operator.endswith("&"):
        return False
    target = redirect.target
    # The runner's own files (docs.github.com, "Workflow commands") lie outside of the workspace.
    return not (target.value or "").startswith("/dev/") and "GITHUB_" not in target.text


def action_may_make_files(name: str) -> bool:
    """Say whether an action, ``owner/repository``, may leave files behind."""
    return not name.startswith(_ACTIONS) and not any(word in name for word in _LOGINS)
