"""Nothing that is printed holds a secret."""

import pytest

from fleet_audit.audit.dockerfiles.running.masking import masked, masked_names, masked_text, masked_words
from fleet_audit.audit.model.inspection import MASK
from fleet_audit.audit.model.running import CommandLine, HealthSetting, RunConfiguration, Setting, Variable

SECRET = "correct-horse-battery"  # noqa: S105  (what no test may find in an answer)


def test_a_secret_is_nowhere_in_what_an_image_would_run() -> None:
    run = RunConfiguration(
        env=(Variable("DB_PASSWORD", SECRET), Variable("URL", f"http://x/?p={SECRET}"), Variable("A", "b")),
        labels=(Variable("note", f"the password is {SECRET}"),),
        entrypoint=CommandLine(("app", "--password", SECRET)),
        cmd=CommandLine(("/bin/sh", "-c", f"run --key {SECRET}")),
        health=HealthSetting(("CMD-SHELL", f"check {SECRET}")),
        triggers=(Setting(f"ENV X={SECRET}"),),
        user=Setting(SECRET),
    )

    told = repr(masked(run))

    assert SECRET not in told
    assert "Variable(name='A', value='b'" in told
    assert masked_names(run) == ("DB_PASSWORD",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ENV DB_PASSWORD=hunter2 A=b", f"ENV DB_PASSWORD={MASK} A=b"),
        ("ENV DB_PASSWORD hunter2", f"ENV DB_PASSWORD {MASK}"),
        ('ENV DB_PASSWORD="hunter two" A=b', f"ENV DB_PASSWORD={MASK} A=b"),
        ("curl --token hunter2 x", f"curl --token {MASK} x"),
        ("curl -u admin:hunter2 http://x", f"curl -u admin:{MASK} http://x"),
        ("curl --user=admin:hunter2 x", f"curl --user=admin:{MASK} x"),
        ('-H "Authorization: Bearer abc123def456"', f'-H "Authorization: Bearer {MASK}"'),
        ("Basic YWRtaW46aHVudGVyMg==", f"Basic {MASK}"),
        ("mysql -h db -u root -phunter2 shop", f"mysql -h db -u root -p{MASK} shop"),
        ("postgres://me:hunter2@db/x", f"postgres://me:{MASK}@db/x"),
        ("key hf_" + "a" * 34 + " end", f"key {MASK} end"),
        ("|1 API_KEY=hunter2 /bin/sh -c make", f"|1 API_KEY={MASK} /bin/sh -c make"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\nMIIC", MASK),
    ],
)
def test_what_is_given_to_a_name_for_secrets_is_masked(text: str, shown: str) -> None:
    assert masked_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "A token bucket limits requests",
        "MAX_TOKENS=5",
        "curl -u $LOGIN http://x:80/y",
        "chown -R app:app /srv && gosu app:app run",
        "docker run -u 10001:10001 shop",
        "Bearer authentication and basic understanding",
        "mysql -p -h db shop && mkdir -p x",
        "DB_PASSWORD=$GIVEN",
        "redis://cache:6379/0",
        "--tokenizer x",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked_text(text) == text


def test_the_word_behind_an_option_for_a_secret_is_masked() -> None:
    assert masked_words(["app", "--api-key", "x", "--api-key=y", "--verbose", "z"]) == (
        "app",
        "--api-key",
        MASK,
        f"--api-key={MASK}",
        "--verbose",
        "z",
    )


def test_of_a_name_and_password_in_one_word_the_password_is_masked() -> None:
    assert masked_words(["curl", "-u", "admin:hunter2", "x:y"]) == ("curl", "-u", f"admin:{MASK}", "x:y")
    assert masked_words(["run", "-u", "10001:10001"]) == ("run", "-u", "10001:10001")
    assert masked_words(["run", "--user", "$USER:$PASSWORD"]) == ("run", "--user", "$USER:$PASSWORD")


def test_a_short_secret_is_not_looked_for_in_other_texts() -> None:
    run = RunConfiguration(env=(Variable("TOKEN", "a"),), cmd=CommandLine(("cat", "a")))

    assert masked(run).cmd == CommandLine(("cat", "a"))


def test_a_long_text_is_masked_at_once() -> None:
    assert len(masked_text("eyJ" * 100_000)) <= 100_000
