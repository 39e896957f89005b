"""What one program costs in wall seconds."""

import subprocess
import time
from collections.abc import Mapping, Sequence


def measured(argv: Sequence[str], stdin: bytes = b"", env: Mapping[str, str] | None = None) -> float:
    """Run a program to its end with what it prints thrown away; its exit status says nothing here."""
    begin = time.perf_counter()
    subprocess.run(
        argv, input=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, check=False
    )
    return time.perf_counter() - begin
