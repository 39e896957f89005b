"""What an image would run, as its Dockerfile and those below it say."""

import pytest

from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.running.configuration import Use, effective, steps
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration, Setting, Variable, shell_text

BASE = RunConfiguration(
    user=Setting("10001:10001", SourceLocation("base/Dockerfile", 7)),
    env=(Variable("HOME_DIR", "/srv"),),
    working_dir=Setting("/srv"),
)


def run(*lines: str, base: RunConfiguration | None = None, target: str = "", **args: str) -> RunConfiguration:
    use = Use(parse("\n".join(lines)), "Dockerfile", target, args)
    found = effective(use, lambda _: base)
    assert found is not None
    return found


def words(found: RunConfiguration) -> tuple[str, ...]:
    return found.starting


def test_each_value_knows_its_line_also_that_of_the_image_below() -> None:
    found = run("FROM base", "EXPOSE 80", base=BASE)

    assert found.user == BASE.user
    assert found.ports == (Setting("80/tcp", SourceLocation("Dockerfile", 2)),)


def test_words_of_cmd_follow_those_of_entrypoint() -> None:
    assert words(run("FROM scratch", 'ENTRYPOINT ["tini", "--"]', 'CMD ["serve"]')) == ("tini", "--", "serve")


def test_an_entrypoint_in_shell_form_gets_no_words_of_cmd() -> None:
    assert words(run("FROM scratch", "ENTRYPOINT serve", 'CMD ["x"]')) == ("/bin/sh", "-c", "serve")


def test_an_entrypoint_resets_the_cmd_from_below_and_not_that_of_its_own_stage() -> None:
    below = run("FROM scratch", 'CMD ["old"]')

    assert words(run("FROM base", 'ENTRYPOINT ["new"]', base=below)) == ("new",)
    assert words(run("FROM base", 'CMD ["old"]', 'ENTRYPOINT ["new"]', base=below)) == ("new", "old")


def test_a_shell_that_is_set_takes_what_is_in_shell_form() -> None:
    found = run("FROM scratch", 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]', "CMD serve | tee log")

    assert words(found) == ("/bin/bash", "-o", "pipefail", "-c", "serve | tee log")
    assert shell_text(words(found)) == "serve | tee log"


@pytest.mark.parametrize(
    "given", [("sh", "-x"), ("/bin/sh", "run.sh", "x"), ("python", "-c", "1"), ("sh", "--c", "x")]
)
def test_what_gives_a_shell_no_text_is_no_shell_form(given: tuple[str, ...]) -> None:
    assert shell_text(given) is None


def test_only_the_stage_that_is_built_and_those_below_it_count() -> None:
    lines = ("FROM scratch AS a", "USER 1", "FROM scratch AS b", "USER 2", "FROM a", "WORKDIR /x")

    assert run(*lines).user == Setting("1", SourceLocation("Dockerfile", 2))
    assert run(*lines, target="b").user == Setting("2", SourceLocation("Dockerfile", 4))


def test_values_come_from_arguments_and_from_the_environment_below() -> None:
    found = run("FROM base", "ARG WHO=1", "USER $WHO", "ENV DATA=$HOME_DIR/data", base=BASE, WHO="7")

    assert found.user is not None
    assert found.user.value == "7"
    assert found.variable("DATA") == Variable("DATA", "/srv/data", SourceLocation("Dockerfile", 4))


def test_a_value_of_a_variable_without_one_is_not_known() -> None:
    found = run("FROM scratch", "ARG WHO", "USER ${WHO}")

    assert found.user == Setting("${WHO}", SourceLocation("Dockerfile", 3), is_known=False)


def test_working_folders_join_unless_what_is_below_is_not_known() -> None:
    joined = run("FROM base", "WORKDIR app", "WORKDIR ../x", base=BASE)
    unknown = run("FROM base", "WORKDIR app")

    assert joined.working_dir is not None
    assert joined.working_dir.value == "/srv/x"
    assert unknown.working_dir is not None
    assert not unknown.working_dir.is_known


def test_an_image_of_which_nothing_is_known_is_named() -> None:
    assert run("FROM somebody/image:1").unknown_base == "somebody/image:1"
    assert run("ARG BASE", "FROM ${BASE}").unknown_base == "${BASE}"
    assert run("FROM ${NONE:-}").unknown_base == "?"
    assert run("FROM scratch").is_whole


def test_a_healthcheck_of_either_form_and_none() -> None:
    exec_form = run("FROM scratch", 'HEALTHCHECK --interval=5s CMD ["true", "x"]').health
    shell_form = run("FROM scratch", "HEALTHCHECK CMD curl -f x || exit 1").health
    none = run("FROM scratch", "HEALTHCHECK CMD true", "HEALTHCHECK NONE").health

    assert exec_form is not None
    assert (exec_form.test, exec_form.interval) == (("CMD", "true", "x"), "5s")
    assert shell_form is not None
    assert shell_form.test == ("CMD-SHELL", "curl -f x || exit 1")
    assert none is not None
    assert none.is_none


def test_what_onbuild_keeps_acts_on_the_next_image_and_no_further() -> None:
    kept = run("FROM scratch", "ONBUILD USER 5")
    child = run("FROM base", base=kept)

    assert kept.user is None
    assert [trigger.value for trigger in kept.triggers] == ["USER 5"]
    assert child.user == Setting("5", SourceLocation("Dockerfile", 1))
    assert child.triggers == ()


def test_ports_are_listed_one_by_one_and_a_long_range_by_its_ends() -> None:
    found = run("FROM scratch", "EXPOSE 80 53/udp 9000-9002", "EXPOSE 1-60000", "EXPOSE $GONE x")

    ports = [port.value for port in found.ports]
    assert ports == ["80/tcp", "53/udp", "9000/tcp", "9001/tcp", "9002/tcp", "1-60000/tcp"]


def test_each_step_has_the_user_that_runs_it() -> None:
    text = "FROM base\nRUN a\nUSER root\nRUN b\nUSER 5\nRUN c"
    known = steps(Use(parse(text), "Dockerfile"), lambda _: BASE)
    unknown = steps(Use(parse(text), "Dockerfile"), lambda _: None)

    def users(found: object) -> list[str | None]:
        assert hasattr(found, "__iter__")
        return [s.user.value if s.user else None for s in found if s.instruction.keyword == "RUN"]

    assert users(known) == ["10001:10001", "root", "5"]
    assert users(unknown) == [None, "root", "5"]
