"""An addition of packages is written where it belongs, and nothing else changes."""

import pytest

from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
from fleet_audit.audit.model.apt import AptPlan

HOUSE = """\
FROM registry.example/base:1
USER root
RUN apt-get update \\
    && apt-get install -y --no-install-recommends \\
        # for numpy
        libgomp1=12.2.0-14 \\
        zlib1g \\
    && rm -rf /var/lib/apt/lists/*
COPY . /app
USER 10001:10001
"""


def patched(source: str, *roots: str, surplus: tuple[str, ...] = ()) -> str:
    return patch(source, AptPlan(roots=roots), surplus=surplus).after


def test_a_package_gets_a_line_of_its_own_where_it_sorts() -> None:
    assert patched(HOUSE, "libgl1=1.6.0-1") == HOUSE.replace(
        "        # for numpy\n        libgomp1=12.2.0-14 \\\n",
        "        # for numpy\n        libgl1=1.6.0-1 \\\n        libgomp1=12.2.0-14 \\\n",
    )


def test_several_packages_each_find_their_place() -> None:
    after = patched(HOUSE, "zstd=1.5", "ffmpeg=7:5.1", "libsm6=2")

    packages = [line.strip(" \\") for line in after.splitlines()[4:] if line.startswith("        ")]
    assert packages == ["# for numpy", "ffmpeg=7:5.1", "libgomp1=12.2.0-14", "libsm6=2", "zlib1g", "zstd=1.5"]


def test_nothing_is_added_to_a_command_that_ends_within_a_quote() -> None:
    source = 'FROM a\nUSER root\nRUN apt-get install "\n'

    once = patched(source, "libgl1=1.6.0-1")

    assert 'apt-get install "\n' in once
    assert patched(once, "libgl1=1.6.0-1") == once


def test_a_package_that_is_there_gets_its_version() -> None:
    assert patched(HOUSE, "zlib1g=1:1.2.13") == HOUSE.replace("zlib1g \\", "zlib1g=1:1.2.13 \\")


def test_a_package_that_is_there_as_it_should_be_changes_nothing() -> None:
    assert patch(HOUSE, AptPlan(roots=("libgomp1=12.2.0-14",))).is_empty


def test_surplus_is_taken_out_and_its_neighbours_stay() -> None:
    assert patched(HOUSE, surplus=("zlib1g",)) == HOUSE.replace("        zlib1g \\\n", "")
    assert patched(HOUSE, "zlib1g=1", surplus=("zlib1g",)) == HOUSE.replace("zlib1g \\", "zlib1g=1 \\")
    assert patched(HOUSE, surplus=("zlib",)) == HOUSE


def test_the_last_line_of_an_instruction_keeps_the_instruction_whole() -> None:
    source = "FROM a\nRUN apt-get install -y \\\n    libb \\\n    # why\n    libc6\nUSER 1\n"

    assert patched(source, "libz=1") == source.replace("    libc6\n", "    libc6 \\\n    libz=1\n")
    assert patched(source, surplus=("libc6",)) == (
        "FROM a\nRUN apt-get install -y \\\n    libb\n    # why\nUSER 1\n"
    )
    assert patched(source, "liba=1", surplus=("libb", "libc6")) == (
        "FROM a\nRUN apt-get install -y \\\n    liba=1\n    # why\nUSER 1\n"
    )


def test_packages_in_one_line_stay_in_one_line() -> None:
    source = "FROM a\nRUN apt-get update && apt-get install -y -o Acquire::Retries=3 libb libd&& rm -rf /x\n"

    assert patched(source, "libc=1", "libe=2") == source.replace("libb libd", "libb libc=1 libd libe=2")
    assert patched(source, surplus=("libb",)) == source.replace(" libb", "")
    assert patched(source, surplus=("libb", "libd")) == source.replace(" libb libd", "")


def test_an_installation_of_a_variable_is_extended_behind_its_options() -> None:
    source = 'FROM a\nRUN apt-get install -y "$PACKAGES"\n'

    assert patched(source, "libb=1") == 'FROM a\nRUN apt-get install -y "$PACKAGES" libb=1\n'


def test_without_an_installation_a_run_stands_behind_user_root() -> None:
    source = "FROM a\nUSER root\nCOPY x /x\nUSER 10001\nCMD x\n"

    assert patched(source, "libb=1") == source.replace(
        "USER root\n",
        "USER root\n"
        "RUN apt-get update \\\n"
        "    && apt-get install -y --no-install-recommends \\\n"
        "        libb=1 \\\n"
        "    && rm -rf /var/lib/apt/lists/*\n",
    )


@pytest.mark.parametrize("user", ["10001:10001", "app"])
def test_a_run_upon_an_image_of_another_user_becomes_root_and_returns(user: str) -> None:
    source = "FROM base:1\nCOPY . .\n"
    after = patch(source, AptPlan(roots=("liba=1",)), image_user=user).after

    assert after.startswith("FROM base:1\nUSER root\nRUN apt-get update")
    assert after.endswith(f"lists/*\nUSER {user}\nCOPY . .\n")
    assert patch(after, AptPlan(roots=("liba=1",)), image_user=user).is_empty


@pytest.mark.parametrize(
    ("source", "user"),
    [
        ("FROM base:1\nCOPY . .\n", ""),
        ("FROM base:1\nCOPY . .\n", "0:0"),
        ("FROM base:1\nCOPY . .\n", "root"),
        ("FROM base:1\nUSER root\nCOPY . .\nUSER app\n", "app"),
        ("FROM base:1\nCOPY . .\nUSER app\n", "app"),
    ],
)
def test_where_root_builds_already_no_user_is_written(source: str, user: str) -> None:
    after = patch(source, AptPlan(roots=("liba=1",)), image_user=user).after

    assert "RUN apt-get update" in after
    assert after.count("USER") == source.count("USER")


def test_a_user_that_could_be_another_instruction_is_not_written() -> None:
    change = patch("FROM base:1\n", AptPlan(roots=("liba=1",)), image_user="app\nRUN x")

    assert change.is_empty
    assert change.why == "its image runs as 'app\\nRUN x', no user of any system"


def test_an_installation_in_the_exec_form_is_followed_by_another() -> None:
    source = 'FROM a\nRUN ["apt-get", "install", "-y", "liba"]\nCOPY . .\n'

    after = patched(source, "libb=1")

    assert after.startswith(source.replace("COPY . .\n", "RUN apt-get update \\\n"))
    assert after.endswith("\nCOPY . .\n")
    assert patched(after, "libb=1") == after


def test_surplus_above_does_not_move_the_place_of_a_new_run() -> None:
    above = "FROM a\nRUN apt-get install -y \\\n  liba \\\n  libb\n"
    source = above + 'RUN ["apt-get", "install", "libc"]\nCOPY . .\n'

    after = patched(source, "libd=1", surplus=("liba",))

    assert after.startswith(
        above.replace("  liba \\\n", "") + 'RUN ["apt-get", "install", "libc"]\nRUN apt-get up'
    )


@pytest.mark.parametrize(
    "run",
    [
        'RUN bash -c "apt-get install -y liba"',
        "RUN <<EOF python3\nimport os; os.system('apt-get install -y liba')\nEOF",
    ],
)
def test_an_installation_within_quotes_is_left_alone(run: str) -> None:
    after = patched(f"FROM a\n{run}\nCOPY . .\n", "libb=1")

    assert after.endswith(f"lists/*\n{run}\nCOPY . .\n")
    assert patched(after, "libb=1") == after


@pytest.mark.parametrize(
    "command",
    [
        'if [ "$DEV" = 1 ]; then apt-get update && apt-get install -y liba; fi',
        '[ -z "$DEV" ] || apt-get install -y liba',
        '[ -n "$DEV" ] && apt-get update && apt-get install -y liba || true',
        "test -x /usr/bin/a || { apt-get update; apt-get install -y liba; }",
        "case $ARCH in arm64) apt-get install -y liba;; esac",
        "apt-get install -y -t bookworm-backports liba",
        "apt-get -o APT::Default-Release=sid install -y liba",
        "apt-get install -y --download-only liba",
        "apt-get install -s liba",
    ],
)
def test_what_not_every_build_installs_from_its_own_release_is_not_extended(command: str) -> None:
    after = patched(f"FROM a\nRUN {command}\nCOPY . .\n", "liba=1", "libb=1")

    assert after.endswith(
        f"        liba=1 \\\n        libb=1 \\\n    && rm -rf /var/lib/apt/lists/*\nRUN {command}\nCOPY . .\n"
    )
    assert patched(after, "liba=1", "libb=1") == after


@pytest.mark.parametrize(
    "command",
    [
        "for each in 1 2 3; do apt-get install -y liba{} && break; done",
        "apt-get install -y liba{} || (sleep 5; apt-get install -y --fix-missing liba)",
        "[ -d /x ]; apt-get install -y liba{}",
        "until apt-get install -y liba{}; do sleep 1; done",
    ],
)
def test_what_every_build_installs_is_extended(command: str) -> None:
    source = f"FROM a\nRUN {command}\nCOPY . .\n"

    assert patched(source.replace("{}", ""), "libb=1") == source.replace("{}", " libb=1")


def test_an_installation_above_one_that_may_not_run_is_extended() -> None:
    source = "FROM a\nRUN apt-get install -y liba\nRUN if x; then apt-get install -y gdb; fi\n"

    assert patched(source, "libb=1") == source.replace("liba\n", "liba libb=1\n")


def test_a_here_document_of_the_shell_is_extended() -> None:
    source = "# escape=`\nFROM a\nRUN <<EOF\nset -e\napt-get install -y \\\n  liba\nrm -rf /x\nEOF\n"

    assert patched(source, "libb=1") == source.replace("  liba\n", "  liba \\\n  libb=1\n")


def test_the_stage_that_the_final_one_is_built_from_is_extended() -> None:
    tests = "FROM x AS tests\nRUN apt-get install -y gcc\n"
    source = f"FROM a AS base\nRUN apt-get install -y libb\n{tests}FROM base\n"

    assert patched(source, "libc=1") == source.replace("libb\n", "libb libc=1\n")


def test_the_escape_character_and_line_ends_of_the_file_are_kept() -> None:
    source = "# escape=`\r\nFROM a\r\nRUN apt-get install -y `\r\n  libb\r\nUSER 1\r\n"

    assert patched(source, "libc=1") == source.replace("  libb\r\n", "  libb `\r\n  libc=1\r\n")
    written = patched("# escape=`\r\nFROM a\r\nUSER 1\r\n", "libc=1")
    assert "apt-get update `\r\n" in written
    assert written.endswith("lists/*\r\nUSER 1\r\n")


def test_a_file_without_a_last_line_feed_gets_none() -> None:
    assert patched("FROM a", "libc=1").endswith("lists/*")
    assert patched("FROM a\nRUN apt-get install -y libb", "libc=1").endswith(" libb libc=1")


def test_a_continuation_at_the_end_of_the_file_does_not_take_the_new_run_in() -> None:
    after = patched("FROM a \\\n  # and\n", "libc=1")

    assert after.startswith("FROM a\n  # and\nRUN apt-get update")
    assert patched(after, "libc=1") == after


def test_what_is_no_package_is_never_written() -> None:
    with pytest.raises(UnsafePin):
        patch(HOUSE, AptPlan(roots=("a=1; rm -rf /",)))


def test_a_file_without_a_stage_is_left_alone_with_a_reason() -> None:
    change = patch("# nothing\n", AptPlan(roots=("liba=1",)))

    assert change.is_empty
    assert change.why == "the Dockerfile has no FROM"


def test_a_file_whose_here_document_is_open_is_left_alone_with_a_reason() -> None:
    change = patch("FROM a\nRUN cat <<EOF && apt-get install -y liba\n", AptPlan(roots=("libb=1",)))

    assert change.is_empty
    assert change.why == "line 2: the here-document 'EOF' is never closed"


def test_the_change_is_shown_as_a_patch_that_applies() -> None:
    change = patch(HOUSE, AptPlan(roots=("libgl1=1.6.0-1",)), path="docker/vision/Dockerfile")

    assert unified(change) == (
        "--- a/docker/vision/Dockerfile\n"
        "+++ b/docker/vision/Dockerfile\n"
        "@@ -3,6 +3,7 @@\n"
        " RUN apt-get update \\\n"
        "     && apt-get install -y --no-install-recommends \\\n"
        "         # for numpy\n"
        "+        libgl1=1.6.0-1 \\\n"
        "         libgomp1=12.2.0-14 \\\n"
        "         zlib1g \\\n"
        "     && rm -rf /var/lib/apt/lists/*\n"
    )
    assert unified(patch(HOUSE, AptPlan())) == ""


def test_a_last_line_without_a_line_feed_is_told_in_the_patch() -> None:
    assert unified(patch("FROM a\nRUN apt-get install -y libb", AptPlan(roots=("libc=1",)))).endswith(
        "-RUN apt-get install -y libb\n\\ No newline at end of file\n"
        "+RUN apt-get install -y libb libc=1\n\\ No newline at end of file\n"
    )
