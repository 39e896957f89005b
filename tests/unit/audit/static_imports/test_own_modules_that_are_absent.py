"""Which missing modules the repository would have to answer for, and the pragmas of its files."""

from collections.abc import Mapping

from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.pragma import Pragma
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import distribution, examination

GOOGLE = {"google.cloud.storage": (DistributionName("google-cloud-storage"),)}


def imports(
    sources: dict[str, str | bytes], image: Mapping[str, str | bytes] | None = None, *first_party: str
) -> ServiceImports:
    """Return what ``app.py`` among the sources imports."""
    service = ServiceCode("app", entry="app.py", source_paths=(".",), first_party_imports=first_party)
    found = examination(sources, image or {}, services=(service,), suggestions=GOOGLE)
    return found.services[0]


def first_party(service: ServiceImports) -> dict[str, bool]:
    return {missing.module: missing.is_first_party for missing in service.missing}


def test_what_is_below_a_package_of_the_repository_is_first_party() -> None:
    found = imports({"app.py": "import common.gone\nimport elsewhere\n", "common/__init__.py": ""})

    assert first_party(found) == {"common.gone": True, "elsewhere": False}


def test_what_the_manifest_calls_first_party_is_so_where_it_is_nowhere() -> None:
    found = imports({"app.py": "import common\nimport commons\n"}, None, "libs/common/")

    assert first_party(found) == {"common": True, "commons": False}


def test_a_relative_import_asks_for_an_own_module() -> None:
    found = imports({"app.py": "import pkg\n", "pkg/__init__.py": "from .b import c\n"})

    assert first_party(found) == {"pkg.b": True}


def test_what_is_below_an_installed_package_is_not() -> None:
    image = distribution("numpy", "2.1", {"numpy/__init__.py": ""})

    assert first_party(imports({"app.py": "import numpy.gone\n"}, image)) == {"numpy.gone": False}


def test_a_folder_that_only_shares_its_name_with_known_distributions_does_not_make_them_own() -> None:
    sources: dict[str, str | bytes] = {
        "app.py": "import google.cloud.storage\nimport google.mine\n",
        "google/cloud/ours.py": "",
    }

    assert first_party(imports(sources)) == {"google.cloud.storage": False, "google.mine": True}


def test_the_pragmas_of_all_files_of_the_service_are_told_with_their_lines() -> None:
    mark = "# fleet-audit: ignore[FA-IMP-001] late"
    found = imports(
        {"app.py": f"import os\nimport a  {mark}\n", "not_reached.py": f"{mark}\nimport b\n", "x.txt": mark}
    )

    assert found.pragmas == (
        Pragma(SourceLocation("app.py", 2), 2, 2, ("FA-IMP-001",), "late"),
        Pragma(SourceLocation("not_reached.py", 1), 2, 2, ("FA-IMP-001",), "late"),
    )
