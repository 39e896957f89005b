"""Programs that stand where a scanner would, and do what one should not."""

import shlex
from pathlib import Path


def program(folder: Path, name: str, *lines: str) -> Path:
    """Return a shell script of this name that does what `lines` say."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


def syft_that(folder: Path, *lines: str, version: str = "1.18.1") -> Path:
    """Return what calls itself syft, and in a scan does what `lines` say; ``$OUT`` is the file to write."""
    said = shlex.quote(f'{{"application": "syft", "version": "{version}"}}')
    return program(
        folder,
        "syft",
        f'if [ "$1" = version ]; then echo {said}; exit; fi',
        'for word; do case "$word" in syft-json=*) OUT="${word#syft-json=}";; esac; done',
        *lines,
    )


def trivy_that(folder: Path, *lines: str, version: str = "0.68.2") -> Path:
    """Return what calls itself trivy, and in a scan does what `lines` say; ``$OUT`` is the file to write."""
    said = shlex.quote(f'{{"Version": "{version}"}}')
    return program(
        folder,
        "trivy",
        f'if [ "$1" = version ]; then echo {said}; exit; fi',
        'for word; do if [ "$before" = --output ]; then OUT="$word"; fi; before="$word"; done',
        *lines,
    )
