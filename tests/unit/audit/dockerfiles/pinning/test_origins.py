import pytest

from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.pinning.origins import Origins
from fleet_audit.audit.dockerfiles.repository import Repository
from tests.support.trees import tree

FILES = dict.fromkeys(("app/req.txt", "app/sub/dev.txt", "req-a.txt", "other/req.txt"), "")


def origin(dockerfile: str, path: str, *contexts: str) -> str | None:
    parsed = parse(dockerfile)
    origins = Origins(Repository(tree(FILES)), parsed, scopes(parsed), contexts or (".",))
    stage = parsed.stages[-1]
    return origins.find(path, stage, stage.instructions[-1])


@pytest.mark.parametrize(
    ("copies", "path", "found"),
    [
        ("COPY app/req.txt /opt/r.txt", "/opt/r.txt", "app/req.txt"),
        ("COPY app/req.txt /opt/", "/opt/req.txt", "app/req.txt"),
        ("COPY app/req.txt /opt", "/opt/req.txt", "app/req.txt"),
        ("COPY app/ /srv/", "/srv/sub/dev.txt", "app/sub/dev.txt"),
        ("COPY . .", "/app/req.txt", "app/req.txt"),
        ("COPY req-*.txt /opt/", "/opt/req-a.txt", "req-a.txt"),
        ("WORKDIR /srv\nWORKDIR x\nCOPY app/req.txt .", "/srv/x/req.txt", "app/req.txt"),
        ("COPY app/req.txt other/req.txt /opt/", "/opt/req.txt", "other/req.txt"),
        ("COPY other/req.txt /opt/r.txt\nCOPY app/req.txt /opt/r.txt", "/opt/r.txt", "app/req.txt"),
        ("COPY app/req.txt /opt/r.txt", "/opt/other.txt", None),
        ("COPY nothere.txt /opt/r.txt", "/opt/r.txt", None),
        ("COPY $UNKNOWN /opt/r.txt", "/opt/r.txt", None),
        ("COPY ../app/req.txt /opt/r.txt", "/opt/r.txt", None),
    ],
)
def test_a_file_comes_from_where_the_last_copy_took_it(copies: str, path: str, found: str | None) -> None:
    assert origin(f"FROM a\n{copies}\nRUN x", path) == found


def test_what_is_copied_later_is_not_there_yet() -> None:
    parsed = parse("FROM a\nRUN x\nCOPY app/req.txt /r.txt")
    origins = Origins(Repository(tree(FILES)), parsed, scopes(parsed), (".",))

    assert origins.find("/r.txt", parsed.stages[0], parsed.stages[0].instructions[1]) is None


def test_stages_hand_files_on() -> None:
    dockerfile = (
        "FROM a AS one\nWORKDIR /w\nCOPY app/req.txt r.txt\n"
        "FROM one AS two\nCOPY --from=0 /w/r.txt /again.txt\n"
        "FROM b\nCOPY --from=two /again.txt /third.txt\nRUN x"
    )

    assert origin(dockerfile, "/third.txt") == "app/req.txt"


def test_a_mount_is_looked_at_first() -> None:
    run = "RUN --mount=type=bind,source=app/req.txt,target=r.txt x"

    assert origin(f"FROM a\nWORKDIR /w\nCOPY other/req.txt /w/r.txt\n{run}", "/w/r.txt") == "app/req.txt"


def test_the_likeliest_context_that_has_the_file_counts() -> None:
    assert (
        origin("FROM a\nCOPY req.txt /r.txt\nRUN x", "/r.txt", "nothere", "other", "app") == "other/req.txt"
    )


def test_stages_that_copy_from_one_another_end() -> None:
    dockerfile = "".join(f"FROM a AS s{n}\nCOPY --from=s{n - 1} / /\n" for n in range(40)) + "RUN x"

    assert origin(dockerfile, "/r.txt") is None
