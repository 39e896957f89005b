"""What services of one image share: what the image's modules lead to, where no own folder has a say in it."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import TAG, examination

ASKING: dict[str, Mapping[str, str]] = {
    "an import": {"lib/__init__.py": "import conf\n"},
    "a guarded import": {"lib/__init__.py": "try:\n    import conf\nexcept ImportError:\n    pass\n"},
    "a question": {
        "lib/__init__.py": "from importlib.util import find_spec\nif find_spec('conf'):\n    import fast\n",
        f"fast{TAG}": "",
    },
    "a call by name": {"lib/__init__.py": "import importlib\nimportlib.import_module('conf')\n"},
    "a call with a name": {
        "lib/__init__.py": "from helping import load\nload('conf')\n",
        "helping.py": "import importlib\ndef load(name):\n    importlib.import_module(name)\n",
    },
}


def said(answer: ServiceImports) -> tuple[tuple[str, ...], ...]:
    """Return what a service reaches, without the service's own folder in the names."""
    files = tuple(path.partition("/")[2] for path in answer.files)
    return files, tuple(module.module for module in answer.extension_modules)


@pytest.mark.parametrize("way", ASKING)
@pytest.mark.parametrize("order", ["own first", "own last"])
def test_a_module_of_the_image_finds_what_only_one_service_has(way: str, order: str) -> None:
    has = "a" if order == "own first" else "b"
    sources = {"a/app.py": "import lib\n", "b/app.py": "import lib\n", f"{has}/conf.py": ""}
    services = [ServiceCode(name, f"{name}/app.py", (name,), pythonpath=()) for name in "ab"]
    together = examination(sources, ASKING[way], services=services)
    for name, answer in zip("ab", together.services, strict=True):
        alone = {path: text for path, text in sources.items() if path.startswith(name)}
        (service,) = (service for service in services if service.name == name)
        assert answer == examination(alone, ASKING[way], services=[service]).services[0]
    assert len({said(answer) for answer in together.services}) == 2
