"""Which own files are imported under the name of something that the image has."""

from fleet_audit.audit.model.imports import Level, Shadowing
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import LIB, SITE, distribution, examination

YAML = distribution("pyyaml", "6", {"yaml/__init__.py": "import re\n"})


def shadowings(
    sources: dict[str, str | bytes],
    image: dict[str, str | bytes] | None = None,
    service: ServiceCode | None = None,
) -> tuple[Shadowing, ...]:
    services = [service or ServiceCode("svc", "app.py")]
    (answer,) = examination(sources, YAML if image is None else image, services=services).services
    return answer.shadowings


def test_a_file_beside_the_script_that_takes_a_distributions_name_is_told_with_the_line_that_imports_it() -> (
    None
):
    (found,) = shadowings({"app.py": "import os\nimport yaml\n", "yaml.py": "x = 1\n"})
    assert (found.module, str(found.file), found.shadowed, found.distribution, found.level) == (
        "yaml",
        "yaml.py",
        f"{SITE}/yaml/__init__.py",
        "pyyaml",
        Level.CERTAIN,
    )
    assert ([str(where) for where in found.locations], found.wanted_by) == (["app.py:2"], ())


def test_installed_code_may_be_the_one_that_gets_the_wrong_file() -> None:
    image = {**YAML, "uses.py": "def f():\n    import yaml\n"}
    (found,) = shadowings({"app.py": "\nimport uses\n", "yaml.py": ""}, image)
    assert (found.wanted_by, [str(where) for where in found.locations]) == (("uses",), ["app.py:2"])
    assert found.level is Level.LAZY


def test_a_module_of_the_standard_library_can_be_shadowed() -> None:
    (found,) = shadowings({"app.py": "import typing\n", "typing/__init__.py": "x = 1\n"})
    assert (found.shadowed, found.distribution) == (f"{LIB}/typing.py", None)


def test_what_python_has_loaded_before_cannot_be() -> None:
    assert shadowings({"app.py": "import os, sys, abc\n", "os.py": "", "sys.py": "", "abc.py": ""}) == ()


def test_a_name_that_nothing_imports_shadows_nothing() -> None:
    assert shadowings({"app.py": "", "yaml.py": ""}) == ()
    assert shadowings({"yaml.py": "x = 1\n"}, service=ServiceCode("svc", "yaml.py")) == ()


def test_the_same_contents_claimed_names_and_installed_own_code_shadow_nothing() -> None:
    sources: dict[str, str | bytes] = {"app.py": "import yaml\n", "yaml/__init__.py": "x = 1\n"}
    assert shadowings({**sources, "yaml/__init__.py": "import re\n"}) == ()
    assert shadowings(sources, service=ServiceCode("svc", "app.py", first_party_imports=("yaml/",))) == ()
    origin = '{"dir_info": {}, "url": "file:///src"}'
    assert shadowings(sources, {**YAML, "pyyaml-6.dist-info/direct_url.json": origin}) == ()
    assert len(shadowings(sources)) == 1


def test_parts_of_one_namespace_shadow_nothing() -> None:
    image = distribution("protobuf", "4", {"google/protobuf/__init__.py": ""})
    assert shadowings({"app.py": "import google.mine\n", "google/mine.py": ""}, image) == ()
