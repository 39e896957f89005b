"""What a manifest is drafted from."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.dockerfiles.contexts.gathering import builds
from fleet_audit.audit.dockerfiles.drafting.drafting import draft
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.draft import Draft, Guess, Plain
from tests.support.trees import tree

BASE = "FROM debian:bookworm-slim\nRUN useradd -u 10001 app\nUSER 10001:10001\n"
SERVICE = """\
ARG BASE=registry.example/acme/base:20261101-0a1b2c3
FROM $BASE
WORKDIR /app
COPY common/ common/
COPY services/{name}/ services/{name}/
EXPOSE {port}
ENTRYPOINT ["tini", "--"]
CMD ["python3", "services/{name}/app.py"]
"""


def _draft(files: Mapping[str, str]) -> Draft:
    repository = Repository(tree(files))
    return draft("shop", repository, builds(repository, None))


def _values(fields: Mapping[str, Guess]) -> dict[str, Plain]:
    return {key: guess.value for key, guess in fields.items()}


def _service(name: str, port: int = 8000) -> dict[str, str]:
    return {
        f"services/{name}/Dockerfile": SERVICE.format(name=name, port=port),
        f"services/{name}/app.py": "",
        "common/bus.py": "",
    }


def test_what_others_are_built_on_is_a_family_and_what_runs_code_is_a_service() -> None:
    found = _draft({"docker/base/Dockerfile": BASE, **_service("web", 8000), **_service("worker", 9000)})
    assert {name: _values(fields) for name, fields in found.families.items()} == {
        "base": {
            "parent": None,
            "upstream": "debian:bookworm-slim",
            "os": "debian12",
            "dockerfiles": ("docker/base/Dockerfile",),
        }
    }
    assert _values(found.services[0]) == {
        "name": "web",
        "family": "base",
        "ports": {"svc": 8000},
        "entry": "services/web/app.py",
        "source_paths": ("services/web",),
        "first_party_imports": ("common/",),
        "dockerfiles": ("services/web/Dockerfile",),
    }
    assert found.services[1]["name"].value == "worker"
    assert _values(found.registry) == {
        "prefix": "registry.example/acme",
        "tag_pattern": r"^\d{8}-[0-9a-f]{7,40}$",
    }
    assert found.open_questions == ()


def test_a_service_on_an_image_of_others_makes_that_a_family() -> None:
    found = _draft({"Dockerfile": "FROM python:3.11-slim\nCOPY app.py /\nCMD python /app.py\n", "app.py": ""})
    assert list(found.families) == ["python-3-11-slim"]
    assert _values(found.families["python-3-11-slim"])["upstream"] == "python:3.11-slim"
    assert _values(found.services[0])["family"] == "python-3-11-slim"
    assert found.services[0]["entry"].value == "app.py"


@pytest.mark.parametrize(
    ("start", "entry"),
    [
        ('CMD ["python3", "-u", "-W", "ignore", "src/main.py"]', "src/main.py"),
        ("CMD exec python src/main.py --port 80", "src/main.py"),
        ('ENTRYPOINT ["dumb-init", "--", "python", "-m", "src.main"]', "module:src.main"),
        ('CMD ["python", "-m", "src"]', "module:src"),
        ('CMD ["uvicorn", "src.main:app", "--host", "0.0.0.0"]', "module:src.main"),
        ("CMD cd /srv && gunicorn -w 4 src.main:app", "module:src.main"),
        ('CMD ["./src/main.py"]', "src/main.py"),
    ],
)
def test_the_entry_is_led_back_to_the_file_of_the_repository(start: str, entry: str) -> None:
    dockerfile = f"FROM python:3.11\nWORKDIR /srv\nCOPY . .\n{start}\n"
    found = _draft({"Dockerfile": dockerfile, "src/main.py": "", "src/__main__.py": ""})
    assert found.services[0]["entry"].value == entry


@pytest.mark.parametrize(
    "start", ['CMD ["python3"]', 'CMD ["python", "-c", "print(1)"]', 'CMD ["python", "gone.py"]', "CMD $APP"]
)
def test_what_the_dockerfile_does_not_show_is_a_question(start: str) -> None:
    found = _draft({"Dockerfile": f"FROM python:3.11\nWORKDIR /srv\nCOPY . .\n{start}\n", "src/main.py": ""})
    assert "entry" not in found.services[0]
    assert len(found.open_questions) == 1


def test_a_module_below_another_folder_has_that_on_its_path() -> None:
    dockerfile = 'FROM python:3.11\nCOPY backend/src /app\nWORKDIR /app\nCMD ["python", "-m", "shop.web"]\n'
    found = _draft({"Dockerfile": dockerfile, "backend/src/shop/web.py": ""})
    assert _values(found.services[0]) | {"name": "", "family": "", "dockerfiles": ()} == {
        "name": "",
        "family": "",
        "entry": "module:shop.web",
        "source_paths": ("backend/src",),
        "pythonpath": ("backend/src",),
        "dockerfiles": (),
    }


def test_compose_names_services_and_says_how_they_are_built_and_on_whom_they_depend() -> None:
    compose = """\
services:
  shop-web:
    build: {context: web, target: run, args: {MACHINE: pc1}}
    ports: ["80:8000"]
    depends_on: {shop-db: {condition: service_started}, shop-worker: {condition: service_healthy}}
  shop-worker: {build: worker}
  shop-db: {image: "postgres:16"}
"""
    found = _draft(
        {
            "compose.yaml": compose,
            "web/Dockerfile": "FROM python:3 AS run\nCOPY app.py /\nCMD python /app.py\nFROM run AS test\n",
            "web/app.py": "",
            "worker/Dockerfile": "FROM python:3.11\nCOPY work.py /\nCMD python /work.py\n",
            "worker/work.py": "",
        }
    )
    web = _values(found.services[0])
    assert (web["name"], web["entry"], web["ports"]) == ("shop-web", "web/app.py", {"svc": 8000})
    assert (web["context"], web["target"], web["build_args"]) == ("web", "run", {"MACHINE": "pc1"})
    assert web["depends_on"] == ("shop-worker",)


def test_a_start_up_configuration_makes_a_machine() -> None:
    startup = (
        "services:\n  - {name: WebAgent, script_path: services/web/app.py}\n  - {name: Ghost, script: g.py}\n"
    )
    files = {"docker/base/Dockerfile": BASE, "config/mainpc.yaml": startup, **_service("web")}
    found = _draft(files)
    assert {name: _values(fields) for name, fields in found.machines.items()} == {
        "mainpc": {"startup": "config/mainpc.yaml"}
    }
    assert (found.services[0]["name"].value, found.services[0]["machines"].value) == ("WebAgent", ("mainpc",))
    assert found.open_questions == ("config/mainpc.yaml: no Dockerfile starts the entries of Ghost (mainpc)",)


def test_the_gpu_is_seen_in_the_base_and_the_name() -> None:
    found = _draft(
        {
            "gpu/Dockerfile": "FROM nvidia/cuda:12.1.1-runtime-ubuntu22.04\n",
            "family-cu118/Dockerfile": "FROM debian:12\n",
            "family-web/Dockerfile": "FROM debian:12\n",
        }
    )
    seen = {name: _values(fields) for name, fields in found.families.items()}
    assert [(seen["gpu"][key]) for key in ("gpu", "cuda", "os")] == [True, "12.1", "ubuntu22.04"]
    assert (seen["family-cu118"]["cuda"], "gpu" in seen["family-web"]) == ("11.8", False)


def test_families_that_are_built_on_each_other_in_a_circle_are_drafted_all_the_same() -> None:
    found = _draft({"a/Dockerfile": "FROM b\n", "b/Dockerfile": "FROM a\n", "c/Dockerfile": "FROM c\n"})
    assert sorted(found.families) == ["a", "b", "c"]


ONE_IMAGE = """\
x-app: &app
  build: {context: ., args: {MODE: fast, API_TOKEN: c29tZXRoaW5nIHNlY3JldA}}
services:
  web: {<<: *app, image: "registry.example/acme/app:1", command: gunicorn shop:app, ports: ["80:8000"]}
  worker: {<<: *app, command: [celery, -A, shop, worker], depends_on: [web, cache]}
  twin: {<<: *app, command: [celery, -A, shop, worker]}
  job: {image: "registry.example/acme/app:2", entrypoint: python job.py --all}
  same: {<<: *app}
  cache: {image: "redis:7"}
"""
APPLICATION = """\
FROM python:3.11
WORKDIR /app
COPY . .
EXPOSE 9000
CMD ["python", "main.py"]
"""


def test_what_compose_starts_differently_from_one_image_are_services_of_their_own() -> None:
    files = {"compose.yaml": ONE_IMAGE, "Dockerfile": APPLICATION, "main.py": "", "job.py": "", "shop.py": ""}
    services = [_values(each) for each in _draft(files).services]

    assert [(each["name"], each.get("entry"), each.get("ports")) for each in services] == [
        ("web", "module:shop", {"svc": 8000}),
        ("worker", "module:shop", None),
        ("job", "job.py", None),
        ("same", "main.py", None),
    ]
    assert services[1]["depends_on"] == ("web",)
    assert [each["build_args"] for each in services] == [{"MODE": "fast"}] * 4


def test_stages_that_are_built_are_services_and_one_that_only_tests_is_none() -> None:
    dockerfile = """\
FROM python:3.11 AS base
COPY common /app/common
FROM base AS api
COPY api.py /app/
CMD ["python", "/app/api.py"]
FROM registry.example/acme/gpu:1 AS trainer
COPY train.py /app/
CMD ["python", "/app/train.py"]
FROM base AS test
CMD ["pytest"]
"""
    bake = "".join(f'target "{name}" {{ target = "{name}" }}\n' for name in ("api", "test", "trainer"))
    files = {
        "Dockerfile": dockerfile,
        "docker-bake.hcl": bake,
        "api.py": "",
        "train.py": "",
        "common/a.py": "",
    }
    found = _draft(files)

    services = [_values(each) for each in found.services]
    assert [(each["target"], each["entry"], each["family"]) for each in services] == [
        ("api", "api.py", "python-3-11"),
        ("trainer", "train.py", "gpu-1"),
    ]
    assert len({each["name"] for each in services}) == 2


def test_compose_files_of_other_folders_say_nothing_of_a_service_that_is_called_the_same() -> None:
    files = {
        f"{folder}/{name}": text
        for folder, port in (("one", 1000), ("two", 2000))
        for name, text in {
            "compose.yaml": f"services:\n  app: {{build: ., ports: [{port}], depends_on: [db]}}\n"
            "  db: {build: db}\n",
            "Dockerfile": "FROM python:3.11\nCOPY app.py /\nCMD python /app.py\n",
            "app.py": "",
            "db/Dockerfile": "FROM postgres:16\nCMD postgres\n",
        }.items()
    }
    services = [_values(each) for each in _draft(files).services]
    assert [(each["name"], each.get("ports"), each.get("depends_on")) for each in services] == [
        ("app", {"svc": 1000}, ("db",)),
        ("db", None, None),
        ("two", {"svc": 2000}, ("two-db",)),
        ("two-db", None, None),
    ]


def test_what_few_services_do_and_root_are_no_rule_of_the_house() -> None:
    files = {
        f"{name}/Dockerfile": f"FROM python:3.11\nCOPY a.py /\nUSER {user}\nCMD python /a.py\n"
        for name, user in (("a", "10001:10001"), ("b", "0:0"), ("c", "0:0"), ("d", "0:0"))
    }
    assert _draft({**files, "a.py": ""}).defaults == {}
    files = {name: text.replace("USER 0:0", "USER 10001:10001") for name, text in files.items()}
    assert _values(_draft({**files, "a.py": ""}).defaults) == {"user": "10001:10001"}


def test_names_without_a_registry_are_no_prefix() -> None:
    files = {
        "Makefile": "all:\n\tdocker build -t shop .\n",
        "Dockerfile": "FROM python:3.11\nCOPY a.py /\nCMD python /a.py\n",
        "a.py": "",
    }
    found = _draft(files)
    assert (found.registry, found.services[0]["name"].value) == ({}, "shop")


def test_what_is_started_and_is_no_python_is_told_without_its_secrets() -> None:
    found = _draft({"Dockerfile": 'FROM nginx:1.29\nCMD ["nginx", "--token", "c29tZXRoaW5nIHNlY3JldA"]\n'})
    (question,) = found.open_questions
    assert question.startswith("shop: it starts nginx --token ********; where Python runs behind that")


def test_a_dockerfile_that_nothing_builds_is_built_from_where_its_files_are() -> None:
    dockerfile = 'FROM python:3.11\nCOPY requirements.txt run.py /\nCMD ["python", "/run.py"]\n'
    found = _draft({"tools/x/Dockerfile": dockerfile, "tools/x/run.py": "", "tools/x/requirements.txt": ""})
    service = _values(found.services[0])
    assert (service["context"], service["entry"]) == ("tools/x", "tools/x/run.py")
    assert found.services[0]["context"].why == "what the Dockerfile copies is there"


def test_what_a_stage_installs_is_found_by_the_entry_point_of_the_project() -> None:
    dockerfile = """\
FROM python:3.11 AS build
COPY . /src
RUN pip install --target=/out /src
FROM python:3.11-slim
COPY --from=build /out /usr/lib/acme
CMD ["acme", "serve"]
"""
    project = '[project]\nname = "acme"\n[project.scripts]\nacme = "acme.cli.main:run"\n'
    files = {"Dockerfile": dockerfile, "pyproject.toml": project, "src/acme/cli/main.py": ""}
    service = _values(_draft(files).services[0])
    assert [service[key] for key in ("entry", "pythonpath", "source_paths", "requirements")] == [
        "module:acme.cli.main",
        ("src",),
        ("src/acme",),
        ("pyproject.toml",),
    ]


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {template: {spec: {containers: [%s]}}}
"""


def test_containers_of_kubernetes_say_what_is_started_where_compose_does_not() -> None:
    web = '{name: web, image: "registry.example/acme/app:1", args: [main.py], ports: [{containerPort: 8000}]}'
    job = '{name: job, image: "registry.example/acme/app:1", command: [python, job.py]}'
    other = '{name: other, image: "redis:7", command: [python, job.py]}'
    dockerfile = 'FROM python:3.11\nWORKDIR /s\nCOPY . .\nENTRYPOINT ["python"]\nCMD ["nothing.py"]\n'
    files = {
        "app/Dockerfile": dockerfile,
        "app/main.py": "",
        "app/job.py": "",
        "redis/Dockerfile": dockerfile,
    }
    files["Makefile"] = "all:\n\tdocker build -f app/Dockerfile app\n"
    files["deploy/shop.yaml"] = DEPLOYMENT % ", ".join((web, job, other))

    found = [_values(each) for each in _draft(files).services]

    assert [(each["name"], each.get("entry"), each.get("ports")) for each in found] == [
        ("web", "app/main.py", {"svc": 8000}),
        ("job", "app/job.py", None),
        ("redis", None, None),
    ]
    files["compose.yaml"] = "services: {shop: {build: app, command: job.py}}\n"
    found = [_values(each) for each in _draft(files).services]
    assert [(each["name"], each.get("entry")) for each in found] == [("shop", "app/job.py"), ("redis", None)]


@pytest.mark.parametrize(
    "text",
    [
        "containers: 3",
        "apiVersion: v1\nkind: Pod\nspec: {containers: [3, {image: 4, name: [5]}, {}]}",
        "apiVersion: v1\nkind: containers\nspec: []",
        "apiVersion: v1\nkind: Pod\nmetadata: [x]\nspec: {containers: [{image: a/b, command: 3}]}",
    ],
)
def test_damaged_objects_start_nothing(text: str) -> None:
    files = {"b/Dockerfile": "FROM python:3.11\nCOPY a.py /\nCMD python /a.py\n", "a.py": "", "x.yaml": text}
    assert [each["name"].value for each in _draft(files).services] == ["b"]
