import json
from base64 import b64encode
from pathlib import Path

import pytest

from fleet_audit.audit.tools.registry_credentials import Credentials, credential_files, find_credentials

HOST = "registry.example"
WORD = "open sesame"
EXCHANGED = "an identity token"


def auth(user: str, password: str = WORD) -> dict[str, str]:
    return {"auth": b64encode(f"{user}:{password}".encode()).decode()}


def docker(folder: Path, **document: object) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(document), encoding="utf-8")
    return {"DOCKER_CONFIG": str(folder)}


def helper(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def user(found: Credentials | None) -> str:
    assert found is not None
    return found.user


@pytest.mark.parametrize(
    "name", [HOST, f"https://{HOST}", f"https://{HOST}/", f"https://{HOST}/v1/", f"http://{HOST}/v2"]
)
def test_an_entry_is_found_however_docker_wrote_its_host(tmp_path: Path, name: str) -> None:
    found = find_credentials(HOST, "a", docker(tmp_path, auths={name: auth("me")})).found

    assert found is not None
    assert (found.user, found.password) == ("me", WORD)


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_knows_its_own_registry_by_another_name(tmp_path: Path, host: str) -> None:
    environment = docker(tmp_path, auths={"https://index.docker.io/v1/": auth("me")})

    assert user(find_credentials(host, "library/a", environment).found) == "me"
    assert find_credentials(HOST, "a", environment).found is None
    assert find_credentials("index.docker.io.example", "a", environment).found is None


def test_the_store_is_asked_for_docker_s_own_registry_by_that_name(tmp_path: Path) -> None:
    answer = '{"Username": "me", "Secret": "open sesame"}'
    helper(
        tmp_path / "bin",
        "vault",
        f"read host; [ \"$host\" = https://index.docker.io/v1/ ] && echo '{answer}'",
    )
    environment = {**docker(tmp_path, credsStore="vault"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}

    assert user(find_credentials("docker.io", "library/a", environment).found) == "me"


@pytest.mark.parametrize("name", [f"{HOST}:5000", f"x{HOST}", f"{HOST}.other", f"{HOST}/other"])
def test_an_entry_of_another_host_or_folder_is_left_alone(tmp_path: Path, name: str) -> None:
    assert find_credentials(HOST, "a", docker(tmp_path, auths={name: auth("me")})).found is None


def test_the_entry_with_the_longest_name_that_fits_is_the_one(tmp_path: Path) -> None:
    entries = {HOST: auth("all"), f"{HOST}/team": auth("team"), f"{HOST}/team/other": auth("other")}

    found = find_credentials(HOST, "team/image", docker(tmp_path, auths=entries)).found

    assert user(found) == "team"


def test_an_identity_token_stands_in_place_of_a_password(tmp_path: Path) -> None:
    entry = auth("me") | {"identitytoken": EXCHANGED}

    found = find_credentials(HOST, "a", docker(tmp_path, auths={HOST: entry})).found

    assert found is not None
    assert found.identity_token == EXCHANGED
    assert found.user == ""


def test_the_first_file_that_knows_the_host_is_asked(tmp_path: Path) -> None:
    environment = docker(tmp_path / "docker", auths={HOST: auth("docker"), "b.example": auth("b")})
    podmans = tmp_path / "auth.json"
    podmans.write_text(json.dumps({"auths": {HOST: auth("podman")}}), encoding="utf-8")
    environment["REGISTRY_AUTH_FILE"] = str(podmans)

    assert user(find_credentials(HOST, "a", environment).found) == "podman"
    assert user(find_credentials("b.example", "a", environment).found) == "b"


def test_files_are_looked_for_where_docker_and_podman_keep_them() -> None:
    places = credential_files({"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/1"})

    assert [str(place) for place in places] == [
        "/run/user/1/containers/auth.json",
        "/home/me/.config/containers/auth.json",
        "/home/me/.docker/config.json",
    ]
    assert credential_files({}) == ()


def test_a_helper_is_asked_for_its_host_on_its_standard_input(tmp_path: Path) -> None:
    answer = json.dumps({"ServerURL": HOST, "Username": "me", "Secret": WORD})
    helper(
        tmp_path / "bin",
        "vault",
        f"""test "$1" = get && read host; test "$host" = {HOST} && echo '{answer}'""",
    )
    environment = docker(tmp_path, credHelpers={HOST: "vault"}) | {
        "PATH": f"{tmp_path / 'bin'}:/bin:/usr/bin"
    }

    assert user(find_credentials(HOST, "a", environment).found) == "me"
    assert find_credentials("other.example", "a", environment).found is None


def test_the_store_of_all_credentials_may_give_an_identity_token(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "keys", f"""echo '{{"Username": "<token>", "Secret": "{EXCHANGED}"}}'""")
    environment = docker(tmp_path, credsStore="keys") | {"PATH": str(tmp_path / "bin")}

    found = find_credentials(HOST, "a", environment).found

    assert found is not None
    assert found.identity_token == EXCHANGED


def test_a_helper_that_knows_nothing_is_no_problem(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "keys", "echo credentials not found in native keychain; exit 1")
    environment = docker(tmp_path, credsStore="keys") | {"PATH": str(tmp_path / "bin")}

    sought = find_credentials(HOST, "a", environment)

    assert (sought.found, sought.problems) == (None, ())


@pytest.mark.parametrize(
    "script", [f"echo {WORD} >&2; exit 3", f"echo '{WORD}'", "exit 0", f"""echo '["{WORD}"]'"""]
)
def test_a_helper_that_fails_is_named_and_what_it_said_is_not(tmp_path: Path, script: str) -> None:
    helper(tmp_path / "bin", "keys", script)
    environment = docker(tmp_path, credsStore="keys") | {"PATH": str(tmp_path / "bin")}

    sought = find_credentials(HOST, "a", environment)

    assert sought.problems == ("docker-credential-keys gave no credentials",)


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "-x", "", "a/b", "x" * 65])
def test_a_helper_is_a_program_beside_others_and_nothing_else(tmp_path: Path, name: str) -> None:
    sought = find_credentials(HOST, "a", docker(tmp_path, credHelpers={HOST: name}))

    assert sought.problems == ("a credential helper has a name that is no program's",)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"auths": 3}', f'{{"auths": {{"{HOST}": "{WORD}"}}}}', "\0"]
)
def test_a_damaged_file_is_named_and_quoted_nowhere(tmp_path: Path, body: str) -> None:
    (tmp_path / "config.json").write_text(body, encoding="utf-8")

    sought = find_credentials(HOST, "a", {"DOCKER_CONFIG": str(tmp_path)})

    assert sought.problems == (f"{tmp_path / 'config.json'} is no file of credentials",)


def test_a_damaged_entry_is_said_and_no_credentials(tmp_path: Path) -> None:
    sought = find_credentials(HOST, "a", docker(tmp_path, auths={HOST: {"auth": "%%%"}}))

    assert sought.found is None
    assert "no base64" in sought.problems[0]


def test_an_empty_entry_as_logging_out_leaves_it_is_none(tmp_path: Path) -> None:
    assert find_credentials(HOST, "a", docker(tmp_path, auths={HOST: {}})).found is None


def test_credentials_do_not_show_themselves() -> None:
    shown = repr(Credentials("a file", "me", WORD, EXCHANGED))

    assert shown == "Credentials('a file')"
