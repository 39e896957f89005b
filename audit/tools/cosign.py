"""Signatures of statements: cosign, where it is installed, signs what it is given and nothing else."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from fleet_audit.audit.tools.process import ToolFailed, run

NAME = "cosign"
ADVICE = "install cosign (github.com/sigstore/cosign) and put it on PATH, or leave out --sign"
SIGN_SECONDS = 300.0

_PASSED_ON = (
    *("HOME", "PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *(
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "TMPDIR",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
    ),
    *("GITHUB_ACTIONS", "SIGSTORE_ID_TOKEN", "VAULT_ADDR", "VAULT_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"),
)
"""Of the environment: how the network is reached, and who signs."""

_PREFIXES = ("COSIGN_", "SIGSTORE_", "TUF_", "AWS_", "AZURE_")


def find_cosign(environment: Mapping[str, str]) -> Path | None:
    """Return the cosign on PATH; None where there is none."""
    found = shutil.which(NAME, path=environment.get("PATH", ""))
    return None if found is None else Path(found)


def sign_statement(
    program: Path, statement: Path, bundle: Path, environment: Mapping[str, str], *, key: str = ""
) -> None:
    """Sign an in-toto statement, and write what verifies it (a Sigstore bundle) to `bundle`.

    `key` is what ``cosign --key`` takes: a file or the URI of a key service; without one, cosign signs as
    whoever it can prove to be (keyless). Raises ToolError where it cannot be run, fails, or writes nothing.
    """
    argv = [str(program), "attest-blob", "--yes", "--statement", str(statement), "--bundle", str(bundle)]
    if key:
        argv.append(f"--key={key}")
    chosen = {name: value for name, value in environment.items() if _is_passed_on(name)}
    run(argv, timeout=SIGN_SECONDS, env={"PATH": os.defpath, **chosen})
    if not bundle.is_file() or not bundle.stat().st_size:
        raise ToolFailed(argv[:1], 0, f"it wrote no bundle to {bundle}")


def _is_passed_on(name: str) -> bool:
    return name in _PASSED_ON or name.startswith(_PREFIXES)
