import pytest

from fleet_audit.audit.tools.registry_reference import (
    INSECURE_VARIABLE,
    BadReference,
    RegistryReference,
    parse_reference,
)

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.example/a", RegistryReference("registry.example", "a")),
        ("registry.example/a/b-c__d.e:1.2_x", RegistryReference("registry.example", "a/b-c__d.e", "1.2_x")),
        ("Registry.Example:5000/a:1", RegistryReference("registry.example:5000", "a", "1")),
        ("localhost/a", RegistryReference("localhost", "a")),
        ("box:5000/a", RegistryReference("box:5000", "a")),
        ("[::1]:5000/a", RegistryReference("[::1]:5000", "a")),
        (f"registry.example/a@{DIGEST}", RegistryReference("registry.example", "a", "latest", DIGEST)),
        (f"registry.example/a:1@{DIGEST}", RegistryReference("registry.example", "a", "1", DIGEST)),
    ],
)
def test_a_reference_names_host_repository_tag_and_digest(text: str, expected: RegistryReference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nginx", "names no registry"),
        ("library/nginx:1", "names no registry"),
        ("", "names no registry"),
        ("registry.example/", "no repository's name"),
        ("registry.example/A", "no repository's name"),
        ("registry.example/a//b", "no repository's name"),
        ("registry.example/../../etc", "no repository's name"),
        ("registry.example/a?x=1", "no repository's name"),
        ("registry.example/" + "a" * 256, "no repository's name"),
        ("registry.example/a:", "no tag"),
        ("registry.example/a:" + "t" * 129, "no tag"),
        ("registry.example/a:b/c", "no tag"),
        ("registry.example/a@sha256:12", "no sha256 digest"),
        ("registry.example/a@sha512:" + "a" * 128, "no sha256 digest"),
        ("user:word@registry.example/a", "no sha256 digest"),
        ("registry.example:99999/a", "no host"),
        ("registry.example:x/a", "no host"),
        ("registry.example\r\n.x/a", "no host"),
    ],
)
def test_what_is_no_reference_is_an_error_that_says_how_one_is_written(text: str, why: str) -> None:
    with pytest.raises(BadReference, match=why) as raised:
        parse_reference(text)

    assert "registry:HOST[:PORT]/NAME" in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "repository"),
    [("docker.io/debian", "library/debian"), ("index.docker.io/acme/app:1", "acme/app")],
)
def test_docker_s_own_registry_answers_at_another_host_than_its_images_name(
    text: str, repository: str
) -> None:
    reference = parse_reference(text)

    assert reference.repository == repository
    assert reference.base({}) == "https://registry-1.docker.io/v2/"


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("localhost", "http"),
        ("localhost:5000", "http"),
        ("127.0.0.1:5000", "http"),
        ("[::1]:5000", "http"),
        ("inner.example:5000", "http"),
        ("inner.example", "https"),
        ("registry.example", "https"),
        ("localhost.example", "https"),
        ("127.0.0.1.example", "https"),
    ],
)
def test_only_this_machine_and_hosts_that_the_user_names_are_spoken_to_without_tls(
    host: str, scheme: str
) -> None:
    reference = parse_reference(f"{host}/a")

    assert (
        reference.base({INSECURE_VARIABLE: "other.example, inner.example:5000"}) == f"{scheme}://{host}/v2/"
    )
