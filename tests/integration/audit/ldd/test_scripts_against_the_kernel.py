"""Scripts are started, or not, as this machine's kernel starts them."""

import subprocess
from pathlib import Path

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.ldd.scripts import why_not_started
from fleet_audit.audit.model.identity import ImagePath

SHELL = "/bin/sh"


def _started(script: Path) -> str:
    try:
        subprocess.run([str(script)], check=True, capture_output=True, timeout=60)  # noqa: S603  (a script of this test)
    except OSError as e:
        return str(e.strerror)
    except subprocess.CalledProcessError as e:
        return bytes(e.stderr).decode()
    return ""


def _chain(folder: Path, length: int) -> str:
    for number in range(length):
        following = SHELL if number == length - 1 else str(folder / f"s{number + 1}")
        place = folder / f"s{number}"
        place.write_text(f"#!{following}\n")
        place.chmod(0o755)
    return f"#!{folder}/s0\n"


@pytest.mark.parametrize(
    "line",
    [
        f"#!{SHELL}\n",
        f"#!  {SHELL}  \n",
        f"#!{SHELL} -e\n",
        f"#!{SHELL}\r\n",
        "#!/no/such/interpreter\n",
        "#!/tmp\n",
        "#!/etc/passwd\n",
        "#!/usr/bin/env no-such-program\n",
        "#!/usr/bin/env sh\n",
        "#!@2",
        "#!@5",
        "#!@6",
        "#!@self\n",
    ],
)
def test_a_script_starts_exactly_where_we_say_so(line: str, tmp_path: Path) -> None:
    script = tmp_path / "run"
    if line[2:3] == "@" and line[3:].isdigit():
        line = _chain(tmp_path, int(line[3:]))
    script.write_text(line.replace("@self", str(script)))
    script.chmod(0o755)

    def find(name: str) -> ImagePath | None:
        return ImagePath(SHELL) if name == "sh" else None

    why = why_not_started(open_folder(Path("/")), (), ImagePath(str(script)), find)
    said = _started(script)

    assert (why is None) == (said == ""), (why, said)
    assert said in (why or "") or said.startswith("/usr/bin/env")
