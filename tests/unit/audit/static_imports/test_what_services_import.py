"""Who provides each import, what is missing, and what a repository's files say."""

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import ImportContext, Level, MissingModule, ProviderKind, ServiceImports
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.reachability import reach as reaching
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source import bounds
from fleet_audit.audit.static_imports.source.store import MemoryStore
from tests.support.pythons import LIB, TAG, distribution, examination, imports_of, python_image
from tests.support.trees import tree

NUMPY = distribution("numpy", "2.1", {"numpy/__init__.py": ""})


def missing(service: ServiceImports) -> dict[str, ImportContext]:
    return {module.module: module.context for module in service.missing}


def one(service: ServiceImports) -> MissingModule:
    (module,) = service.missing
    return module


def test_each_import_says_who_provides_it() -> None:
    service = imports_of("import numpy\nimport json\nimport sys\nimport mine\n", NUMPY, mine="")
    assert {i.module: (i.provided_by, i.distribution) for i in service.imports} == {
        "numpy": (ProviderKind.FAMILY, "numpy"),
        "json": (ProviderKind.STDLIB, None),
        "sys": (ProviderKind.STDLIB, None),
        "mine": (ProviderKind.FIRST_PARTY, None),
    }


def test_one_module_in_one_context_is_listed_once_with_all_its_lines() -> None:
    service = imports_of("import numpy\nimport numpy\ndef f():\n    import numpy\n", NUMPY)
    assert [(i.context, [w.line for w in i.locations]) for i in service.imports] == [
        (ImportContext.LAZY, [4]),
        (ImportContext.MODULE, [1, 2]),
    ]


def test_from_import_names_the_submodule_where_there_is_one() -> None:
    image = {"pkg/__init__.py": "name = 1\n", "pkg/sub.py": ""}
    service = imports_of("from pkg import sub, name\n", image)
    assert [i.module for i in service.imports] == ["pkg", "pkg.sub"]


def test_a_module_that_nobody_provides_is_missing_with_suggestions() -> None:
    found = examination({"app.py": "import yaml\n"}, {}, suggestions={"yaml": (DistributionName("pyyaml"),)})
    module = one(found.services[0])
    assert (module.module, module.context, module.level) == ("yaml", ImportContext.MODULE, Level.CERTAIN)
    assert module.suggestions == ("pyyaml",)
    assert [str(where) for where in module.locations] == ["app.py:1"]


def test_a_missing_module_with_an_alternative_is_guarded() -> None:
    service = imports_of("try:\n    import ujson\nexcept ImportError:\n    import json\n")
    assert missing(service) == {"ujson": ImportContext.GUARDED}


def test_a_missing_module_whose_handler_gives_up_is_not_guarded() -> None:
    service = imports_of("try:\n    import ujson\nexcept ImportError as e:\n    raise SystemExit(1) from e\n")
    assert missing(service) == {"ujson": ImportContext.MODULE}


def test_a_fallback_that_is_missing_too_is_required() -> None:
    service = imports_of("try:\n    import ujson\nexcept ImportError:\n    import orjson\n")
    assert missing(service) == {"ujson": ImportContext.GUARDED, "orjson": ImportContext.MODULE}


def test_what_only_type_checkers_need_is_not_missing() -> None:
    assert missing(imports_of("import typing\nif typing.TYPE_CHECKING:\n    import gone\n")) == {}


def test_an_import_suppressed_by_a_context_manager_is_guarded() -> None:
    app = "import contextlib\nwith contextlib.suppress(ImportError):\n    import gone\n"
    assert missing(imports_of(app)) == {"gone": ImportContext.GUARDED}


def test_what_an_installed_package_misses_is_shown_at_the_line_that_leads_to_it() -> None:
    module = one(imports_of("\n\nimport pkg\n", {"pkg.py": "import gone\n"}))
    assert (module.module, module.wanted_by) == ("gone", "pkg")
    assert [str(where) for where in module.locations] == ["app.py:3"]


def test_what_an_installed_package_may_miss_is_not() -> None:
    image = {
        "pkg.py": "def f():\n    import gone\ntry:\n    import lost\nexcept ImportError:\n    lost = None\n"
    }
    assert missing(imports_of("import pkg\n", image)) == {}


def test_what_the_service_itself_installs_is_not_missing() -> None:
    service = ServiceCode("svc", "app.py", requirements=("requirements.txt",))
    found = examination(
        {"app.py": "import yaml\nimport rich\n", "requirements.txt": "PyYAML>=6\nrich\nunused\n"},
        {},
        services=[service],
        suggestions={"yaml": (DistributionName("pyyaml"),)},
    )
    answer = found.services[0]
    assert answer.missing == ()
    assert {i.module: i.distribution for i in answer.imports} == {"yaml": "pyyaml", "rich": "rich"}
    assert {i.provided_by for i in answer.imports} == {ProviderKind.SERVICE}
    assert answer.unused_distributions == ("unused",)


def test_a_required_command_is_not_called_unused() -> None:
    tool = distribution("uvicorn", "1", {"uvicorn/__init__.py": "", "../../../bin/uvicorn": "#!"})
    service = ServiceCode("svc", "app.py", requirements=("r.txt",))
    found = examination({"app.py": "", "r.txt": "uvicorn\nnumpy\n"}, {**tool, **NUMPY}, services=[service])
    assert found.services[0].unused_distributions == ("numpy",)


def test_without_an_image_a_family_may_hold_anything() -> None:
    services = [
        ServiceCode("on-a-family", "app.py", requirements=("r.txt",), family="base"),
        ServiceCode("on-its-own", "app.py", requirements=("r.txt",)),
    ]
    found = examination({"app.py": "import numpy, json, os.path\n", "r.txt": "rich\n"}, services=services)
    assert [missing(service) for service in found.services] == [{}, {"numpy": ImportContext.MODULE}]


def test_a_file_beside_the_script_shadows_what_is_installed() -> None:
    service = imports_of("import numpy\n", {**NUMPY, f"fast{TAG}": b""}, numpy="import fast\n")
    assert [e.module for e in service.extension_modules] == ["fast"]
    assert ("numpy", ProviderKind.FIRST_PARTY) in [(i.module, i.provided_by) for i in service.imports]


def test_a_module_with_a_server_is_an_entry_and_its_factory_is_called() -> None:
    source = "def create():\n    import numpy\ndef other():\n    import lost\n"
    found = examination({"web/app.py": source}, NUMPY, services=[ServiceCode("svc", "web.app:create")])
    levels = {i.module: i.level for i in found.services[0].imports}
    assert levels == {"numpy": Level.CERTAIN, "lost": Level.LAZY}


def test_an_entry_that_is_nowhere_is_a_gap_and_the_source_is_still_read() -> None:
    service = ServiceCode("svc", "gone.py", ("src",))
    answer = examination({"src/a.py": "import numpy\n"}, NUMPY, services=[service]).services[0]
    assert [gap.kind for gap in answer.gaps] == [GapKind.UNRESOLVED_ENTRY]
    assert [i.module for i in answer.imports] == ["numpy"]


def test_a_source_path_that_is_nowhere_is_a_gap() -> None:
    answer = examination({"app.py": ""}, {}, services=[ServiceCode("svc", "app.py", ("gone",))]).services[0]
    assert [(gap.kind, gap.what) for gap in answer.gaps] == [(GapKind.NO_SERVICE_SOURCE, "gone")]


def test_a_file_that_does_not_parse_still_yields_its_imports() -> None:
    service = imports_of("import broken\n", NUMPY, broken="import numpy\ndef f(:\n    import json\n")
    (file,) = service.unparsed
    assert (file.path, file.line, file.recovered, file.is_reached) == ("broken.py", 2, 2, True)
    assert {i.module for i in service.imports} == {"broken", "numpy", "json"}


def test_a_file_that_does_not_parse_and_is_not_reached_is_said_to_be_so() -> None:
    service = ServiceCode("svc", "src/app.py", ("src",))
    answer = examination({"src/app.py": "", "src/old.py": "print 1\n"}, {}, services=[service]).services[0]
    assert [(file.path, file.is_reached) for file in answer.unparsed] == [("src/old.py", False)]


@pytest.mark.parametrize(
    ("app", "is_fatal"),
    [
        ("import broken\n", True),
        ("def f():\n    import broken\nf()\n", True),
        ("def f():\n    import broken\n", False),
        ("import os\nif os.environ['OLD']:\n    import broken\n", False),
        ("try:\n    import broken\nexcept ImportError:\n    broken = None\n", True),
        ("try:\n    import broken\nexcept SyntaxError:\n    broken = None\n", False),
        ("try:\n    import broken\nexcept Exception:\n    broken = None\n", False),
        ("try:\n    import broken\nexcept Exception:\n    raise\n", True),
        ("import contextlib\nwith contextlib.suppress(Exception):\n    import broken\n", False),
        ("try:\n    import broken\nexcept SyntaxError:\n    pass\nimport other\n", True),
    ],
)
def test_a_file_that_does_not_parse_is_fatal_where_it_is_surely_imported_and_that_not_caught(
    app: str, is_fatal: bool
) -> None:
    service = imports_of(app, broken="print 1\n", other="import broken\n")
    assert [(file.path, file.is_fatal) for file in service.unparsed] == [("broken.py", is_fatal)]


def test_syntax_newer_than_the_image_is_no_valid_python_there() -> None:
    assert imports_of("def f[T](x: T): ...\n").unparsed[0].path == "app.py"


def test_a_file_with_nul_bytes_does_not_parse_and_its_imports_are_found() -> None:
    (service,) = examination({"app.py": b"import a\nx = 1\0\n"}, {}).services
    assert [(f.line, f.error, f.recovered) for f in service.unparsed] == [
        (2, "source code cannot contain null bytes", 1)
    ]
    assert [found.module for found in service.imports] == ["a"]


@pytest.mark.parametrize(("sources", "installed"), [("x = 1\n", ""), ("", "x = 1\n")])
def test_a_file_that_is_not_looked_at_to_its_end_is_a_gap(
    monkeypatch: pytest.MonkeyPatch, sources: str, installed: str
) -> None:
    monkeypatch.setattr(bounds, "MAX_STEPS", 100)
    found = examination({"app.py": "import a\n" + sources * 200}, {"a.py": installed * 200})
    ended = [gap for gap in found.gaps if gap.kind is GapKind.LIMIT_REACHED]
    assert [gap.what for gap in ended] == ["app.py" if sources else f"{LIB}/site-packages/a.py"]
    assert "up to line 10" in ended[0].why


def test_an_installed_file_with_nul_bytes_is_a_gap() -> None:
    found = examination({"app.py": "import a\n"}, {"a.py": b"import b\0\n"})
    assert [(gap.kind, gap.what) for gap in found.gaps] == [
        (GapKind.UNREADABLE_FILE, f"{LIB}/site-packages/a.py")
    ]


def test_an_image_without_python_is_a_gap() -> None:
    found = examine([], tree({}), tree({"/bin/sh": b""}), None, records=None)
    assert [gap.kind for gap in found.gaps] == [GapKind.NO_INTERPRETER]


def test_the_second_run_reads_no_file_anew() -> None:
    records = MemoryStore()
    first = examination({"app.py": "import numpy\n"}, NUMPY, records=records)
    second = examination({"app.py": "import numpy\n"}, NUMPY, records=records)
    assert first.parsed > 0
    assert (second.parsed, second.cached) == (0, first.parsed)
    assert second.services == first.services


def test_the_same_input_gives_the_same_answer_in_any_order_of_services() -> None:
    services = [ServiceCode(name, "app.py") for name in ("b", "a")]
    sources = {"app.py": "import numpy, gone\n"}
    first = examination(sources, NUMPY, services=services)
    second = examination(sources, NUMPY, services=services[::-1])
    assert (first.services, first.edges) == (second.services, second.edges)


def test_edits_of_the_path_are_followed_from_the_file_that_makes_them() -> None:
    sources = {
        "services/a/app.py": (
            "import sys\nfrom pathlib import Path\n"
            "sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'libs'))\nimport shared\n"
        ),
        "libs/shared.py": (
            "import sys, os\nsys.path.append(os.path.join(os.path.dirname(__file__), 'more'))\nimport deep\n"
        ),
        "libs/more/deep.py": "import numpy\n",
    }
    answer = examination(sources, NUMPY, services=[ServiceCode("svc", "services/a/app.py")]).services[0]
    assert missing(answer) == {}
    assert [(str(edit.location), edit.folder) for edit in answer.path_edits] == [
        ("libs/shared.py:2", "libs/more"),
        ("services/a/app.py:3", "libs"),
    ]
    assert answer.files == ("libs/more/deep.py", "libs/shared.py", "services/a/app.py")


def test_an_edit_that_cannot_be_evaluated_is_a_gap_only_where_something_is_missing() -> None:
    app = "import sys\nsys.path.insert(0, where())\n"
    assert imports_of(app).gaps == ()
    (gap,) = imports_of(app + "import gone\n").gaps
    assert (gap.kind, str(gap.location), gap.blocking) == (GapKind.PATH_EDIT, "app.py:2", False)


def test_a_computed_import_in_own_code_is_listed_and_a_harmless_gap() -> None:
    service = imports_of("import importlib\nimportlib.import_module(name())\n")
    assert [str(call.location) for call in service.dynamic_imports] == ["app.py:2"]
    assert [(gap.kind, gap.blocking) for gap in service.gaps] == [(GapKind.DYNAMIC_IMPORT, False)]


def test_of_several_names_that_a_call_may_import_none_is_surely_missing() -> None:
    call = "import importlib\nimportlib.import_module({})\n"
    one = imports_of(call.format("'gone'"))
    two = imports_of(call.format("'gone' if flag() else 'json'"))
    assert [(m.module, m.context, m.level) for m in (*one.missing, *two.missing)] == [
        ("gone", ImportContext.DYNAMIC, Level.CERTAIN),
        ("gone", ImportContext.DYNAMIC, Level.PROBABLE),
    ]


def test_an_entry_may_be_a_module_that_python_runs() -> None:
    sources = {
        "web/__init__.py": "",
        "web/__main__.py": "from . import views\nif __name__ == '__main__':\n    import numpy\n",
        "web/views.py": "",
    }
    answer = examination(sources, NUMPY, services=[ServiceCode("svc", "module:web")]).services[0]
    assert {i.module: i.level for i in answer.imports} == {"web.views": Level.CERTAIN, "numpy": Level.CERTAIN}


def test_more_source_files_than_are_read_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.static_imports.reachability.starting.MAX_SOURCE_FILES", 2)
    sources = {f"src/{name}.py": "" for name in "abc"}
    for number, blocking in ((2, []), (3, [GapKind.LIMIT_REACHED])):
        chosen = dict(list(sources.items())[:number])
        service = examination(chosen, {}, services=[ServiceCode("svc", source_paths=("src",))]).services[0]
        assert [gap.kind for gap in service.gaps if gap.blocking] == blocking


def test_without_an_entry_every_file_of_the_source_is_one() -> None:
    sources = {"src/a.py": "import numpy\n", "src/b.py": "import gone\n"}
    answer = examination(sources, NUMPY, services=[ServiceCode("svc", source_paths=("src",))]).services[0]
    assert [i.module for i in answer.imports] == ["gone", "numpy"]


def test_a_folder_is_searched_from_where_its_packages_are_imported() -> None:
    sources = {
        "src/acme/__init__.py": "from .core import run\n",
        "src/acme/__main__.py": "from acme.core import run\n",
        "src/acme/core.py": "from . import json, parts\nimport logging, __main__\ndef run(): ...\n",
        "src/acme/logging.py": "import gone\n",
        "src/acme/json.py": "",
        "src/acme/parts/__init__.py": "",
    }
    found = examination(
        sources, {f"{LIB}/logging/__init__.py": ""}, services=[ServiceCode("svc", "", ("src",))]
    )
    assert set(missing(found.services[0])) == {"gone"}
    assert found.services[0].shadowings == ()
    providers = {str(i.module): i.provided_by for i in found.services[0].imports}
    assert (providers["logging"], providers["__main__"]) == (ProviderKind.STDLIB, ProviderKind.STDLIB)


def test_other_peoples_code_in_a_folder_is_no_source_unless_it_is_imported() -> None:
    sources = {
        "app.py": "import node_modules.used\n",
        "node_modules/used.py": "import found\n",
        "node_modules/gyp.py": "print 1\n",
        ".venv/lib/six.py": "print 1\n",
        "env/pyvenv.cfg": "",
        "env/lib/six.py": "print 1\n",
        "venv/six.py": "print 1\n",
    }
    answer = examination(sources, {}, services=[ServiceCode("svc", "", (".",))]).services[0]
    assert [file.path for file in answer.unparsed] == ["venv/six.py"]
    assert set(missing(answer)) == {"found"}


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("tests/data/old.py", Level.LAZY),
        ("app/test_app.py", Level.LAZY),
        ("conftest.py", Level.LAZY),
        ("setup.py", Level.LAZY),
        ("app/latest.py", Level.CERTAIN),
        ("app/contest.py", Level.CERTAIN),
    ],
)
def test_nobody_starts_a_service_with_tests_or_build_scripts(path: str, level: Level) -> None:
    sources = {"app.py": "", path: "import gone\n"}
    answer = examination(sources, {}, services=[ServiceCode("svc", "", (".",))]).services[0]
    assert [module.level for module in answer.missing] == [level]


def test_where_there_are_only_tests_they_are_what_is_looked_at() -> None:
    services = [ServiceCode("svc", "", ("tests",))]
    answer = examination({"tests/test_app.py": "import gone\n"}, {}, services=services).services[0]
    assert [module.level for module in answer.missing] == [Level.CERTAIN]


def test_the_services_own_programs_are_its_own_also_inside_functions() -> None:
    image = {"pkg.py": "import subprocess\nsubprocess.run(['gs'])\n"}
    app = "import subprocess, pkg\ndef f():\n    subprocess.run(['ffmpeg'])\n"
    assert [(p.program, p.is_own_code, p.level) for p in imports_of(app, image).programs] == [
        ("ffmpeg", True, Level.LAZY),
        ("gs", False, Level.CERTAIN),
    ]


def test_what_python_itself_loads_and_runs_is_not_the_services() -> None:
    body = "import subprocess, ctypes\nsubprocess.run(['ifconfig'])\nctypes.CDLL('libuuid.so.1')\n"
    lib = "/usr/local/lib/python3.11"
    image = {f"{lib}/uuid.py": body}
    service = imports_of("import uuid\n", image)
    assert (service.programs, service.native_loads) == ((), ())


def test_hundreds_of_joined_questions_are_one_that_is_not_decided() -> None:
    app = "if " + " and ".join(["x"] * 250) + ":\n    import numpy\n"
    assert [(i.module, i.level) for i in imports_of(app, NUMPY).imports] == [("numpy", Level.PROBABLE)]


def test_the_scripts_folder_is_not_searched_where_the_images_python_is_isolated() -> None:
    sources = {"src/app.py": "import mine\n", "src/mine.py": ""}
    services = [ServiceCode("svc", "src/app.py", pythonpath=())]
    image = python_image({})
    for words, expected in ((("python3", "app.py"), []), (("python3", "-I", "app.py"), ["mine"])):
        interpreter = find_interpreter(image, ImageConfig(entrypoint=words))
        answer = examine(services, tree(sources), image, interpreter, records=None).services[0]
        assert [module.module for module in answer.missing] == expected


def test_modules_that_are_byte_code_alone_are_a_harmless_gap_for_each_package() -> None:
    image: dict[str, str | bytes] = {
        "shut/__init__.pyc": b"",
        "shut/inner.pyc": b"",
        "open.py": "import shut.inner\n",
        "not_reached.pyc": b"",
    }
    gaps = imports_of("import open\n", image).gaps
    assert [(gap.kind, gap.what, gap.blocking) for gap in gaps] == [(GapKind.NOT_EXAMINED, "shut", False)]
    assert imports_of("import mine\n", {}, mine="").gaps == ()


def test_what_a_package_puts_on_the_path_is_not_missing_to_its_own_modules() -> None:
    init = (
        "import os, sys\n"
        "here = os.path.dirname(__file__)\n"
        "sys.path.extend(((held := os.path.join(here, '_vendor')) not in sys.path) * [held])\n"
        "from .parts import tools\n"
    )
    image = {
        "pkg/__init__.py": init,
        "pkg/parts/tools.py": "import gone\ntry:\n    import held\nexcept ImportError:\n    import lost\n",
        "pkg/_vendor/held/__init__.py": "",
        "other.py": "import held\n",
    }
    assert set(missing(imports_of("import pkg\n", image))) == {"gone"}
    assert set(missing(imports_of("import other\n", image))) == {"held"}


@pytest.mark.parametrize("call", ["__import__('fs')", "importlib.import_module('fs')"])
def test_an_import_by_name_that_fails_in_a_try_makes_its_handler_live(call: str) -> None:
    package = f"import importlib\ntry:\n {call}\nexcept ImportError:\n import own\nelse:\n import fs.base\n"
    service = imports_of("import pkg\n", {"pkg.py": package})
    assert set(missing(service)) == {"own"}
    assert set(missing(imports_of("import pkg\n", {"pkg.py": package, "fs.py": ""}))) == set()


def test_what_stands_behind_a_name_that_may_not_be_bound_is_not_surely_missing() -> None:
    package = (
        "try:\n    kinds = (int, long)\n    import cStringIO\nexcept NameError:\n    import io as cStringIO\n"
    )
    assert missing(imports_of("import pkg\n", {"pkg.py": package})) == {}
    sure = package.replace("NameError", "ValueError")
    assert set(missing(imports_of("import pkg\n", {"pkg.py": sure}))) == {"cStringIO"}


def test_a_submodule_that_surely_fails_makes_the_handler_of_its_import_live() -> None:
    text = "try:\n from pkg import tls\nexcept ImportError:\n import own\nelse:\n import OpenSSL\n"
    image = {"help.py": text, "pkg/__init__.py": "", "pkg/tls.py": "import OpenSSL\n"}
    assert set(missing(imports_of("import help\n", image))) == {"own"}
    bound = {**image, "pkg/__init__.py": "tls = None\n"}
    assert set(missing(imports_of("import help\n", bound))) == {"OpenSSL"}


def test_of_a_long_module_fewer_calls_are_followed_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "_CALLED_BLOCKS", 10)
    app = "def load(name):\n    return __import__(name)\n" + "".join(f"load('m{n}')\n" for n in range(60))
    fewer = app.partition("load('m40')")[0]

    services = [examination({"app.py": text}).services[0] for text in (app, fewer)]

    kinds = [{gap.kind for gap in service.gaps} for service in services]
    assert [GapKind.LIMIT_REACHED in found for found in kinds] == [True, False]
