"""What looks like a secret, and what only sounds like one."""

import pytest

from fleet_audit.audit.dockerfiles.running.secret_shapes import names_secret, secret_shape


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("ghp_" + "a1B2" * 9, "github-token"),
        ("AKIA" + "ABCD1234" * 2, "aws-access-key"),
        ("hf_" + "a" * 34, "hugging-face-token"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", "private-key"),
        ("postgresql://web:hunter2@db/web", "password-in-address"),
        ("sk_" + "live_" + "4eC39HqLyjWDarjt", "stripe-key"),
        ("SG." + "a" * 22 + "." + "b" * 43, "sendgrid-key"),
        ("SK" + "0123456789abcdef" * 2, "twilio-key"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "k" * 44, "azure-storage-key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop", "json-web-token"),
    ],
)
def test_a_value_of_a_known_shape_is_a_secret_under_any_name(value: str, shape: str) -> None:
    assert secret_shape("ANYTHING", value) == shape


@pytest.mark.parametrize(
    "name",
    [
        *("DB_PASSWORD", "API_KEY", "django_secret_key", "TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"),
        *("SMTP_PASS", "ENCRYPTION_KEY", "registry.token", "api-key"),
    ],
)
def test_a_name_for_secrets_with_a_value_speaks_for_one(name: str) -> None:
    assert secret_shape(name, "hunter2") == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "changeme"),
        ("DB_PASSWORD", "${GIVEN}"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("TOKEN_URL", "address"),
        ("MAX_TOKENS", "4096"),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
        ("EOS_TOKEN", "</s>"),
        ("OLDPWD", "/srv"),
        ("DATABASE_URL", "postgresql://db/web"),
        ("DATABASE_URL", "postgresql://web:$PASSWORD@db/web"),
        ("GREETING", "hunter2"),
        ("BYPASS", "hunter2"),
        ("COMPASS", "hunter2"),
        ("SORT_KEY", "hunter2"),
        ("STORE_NO_CREDENTIALS", "anonymous"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("ROOT_PASSWORD", "off"),
    ],
)
def test_what_only_sounds_like_a_secret_is_none(name: str, value: str) -> None:
    assert secret_shape(name, value) is None


def test_a_name_of_any_length_is_judged_at_once() -> None:
    assert not names_secret("_".join(["TOKEN"] * 100_000) + "S")
