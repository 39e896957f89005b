"""Which libraries, programs, path edits and computed imports a file's text shows."""

import pytest

from fleet_audit.audit.model.imports import LoadMethod
from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.records import SourceRecord


def read(text: str) -> SourceRecord:
    return read_source(text.encode(), is_own_code=True)


def programs(text: str) -> dict[str, bool]:
    """Return each program that the text runs or looks for, and whether its absence is handled."""
    return {program: run.is_handled for run in read(text).runs for program in run.programs}


def loads(text: str) -> list[tuple[str, ...]]:
    return [load.names for load in read(text).loads]


def folders(text: str) -> list[tuple[str, ...]]:
    return [edit.folders for edit in read(text).path_edits]


@pytest.mark.parametrize(
    "call",
    [
        "import ctypes\nctypes.CDLL('libx.so.1')",
        "from ctypes import CDLL\nCDLL('libx.so.1', mode=2)",
        "from ctypes import *\nPyDLL('libx.so.1')",
        "import ctypes\nctypes.cdll.LoadLibrary('libx.so.1')",
        "from cffi import FFI\nffi = FFI()\nlib = ffi.dlopen('libx.so.1')",
        "import ctypes as c\nNAME = 'libx.so.1'\nc.CDLL(NAME)",
        "import ctypes\nNAME = 'libx' + '.so.1'\ndef f():\n    return ctypes.CDLL(\n        NAME)",
        "import ctypes\nclass A:\n    name = 'libx.so.1'\n    def f(self):\n        ctypes.CDLL(self.name)",
    ],
)
def test_a_library_that_is_loaded_is_seen(call: str) -> None:
    assert loads(call + "\n") == [("libx.so.1",)]


@pytest.mark.parametrize(
    "call",
    [
        "import ctypes\nctypes.CDLL(None)",
        "# ctypes.CDLL('libx.so.1')",
        "'''\nctypes.CDLL('libx.so.1')\n'''",
        "def CDLL(name): ...",
    ],
)
def test_what_loads_no_library_is_left_alone(call: str) -> None:
    assert loads(call + "\n") == []


def test_a_library_whose_name_is_computed_is_seen_without_a_name() -> None:
    assert loads("import ctypes\nctypes.CDLL(find())\n") == [()]


def test_a_loop_over_candidates_is_one_load_of_any_of_them() -> None:
    text = (
        "from ctypes import CDLL\n"
        "for name in ('liba.so.2', 'liba.so.1'):\n"
        "    try:\n        CDLL(name)\n    except OSError:\n        continue\n"
    )
    (load,) = read(text).loads
    assert (load.names, load.is_handled) == (("liba.so.2", "liba.so.1"), True)


def test_find_library_with_a_name_after_it_has_an_alternative() -> None:
    found = read(
        "from ctypes.util import find_library\nCDLL(find_library('pulse') or 'libpulse.so.0')\n"
    ).loads
    assert [(load.method, load.names, load.is_handled) for load in found] == [
        (LoadMethod.DLOPEN, ("libpulse.so.0",), False),
        (LoadMethod.FIND_LIBRARY, ("pulse",), True),
    ]


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("CDLL('a.so'); CDLL('b.so')", [0, 1]),
        ("a, b = CDLL('a.so'), CDLL('b.so')", [0, 1]),
        ("f(CDLL('a.so')); g(find_library('b') or 'b.so')", [0, 1]),
        ("CDLL(find_library('a')); CDLL('b.so')", [0, 0, 1]),
        ("CDLL(find_library('a') or 'a.so'), CDLL(find_library('b') or 'b.so')", [0, 0, 1, 1]),
        ("CDLL(find_library('a') or find_library('b'))", [0, 0, 0]),
        ("CDLL(find_library('a') or 'b.so')", [0, 0]),
        ("lib = CDLL('a.so') if is_old(x, 1) else CDLL('b.so')", [0, 0]),
        ("name = (find_library('a') or (find_library('b')))", [0, 0]),
    ],
)
def test_loads_of_one_line_stand_for_one_another_only_where_the_code_says_so(
    line: str, choices: list[int]
) -> None:
    found = read(f"from ctypes import CDLL\nfrom ctypes.util import find_library\n{line}\n").loads

    assert [load.choice for load in found] == choices


@pytest.mark.parametrize(
    "call",
    [
        "import subprocess\nsubprocess.run(['ffmpeg', '-i', x])",
        "import subprocess as sp\nsp.check_output(('ffmpeg', x))",
        "from subprocess import Popen\nPopen(args=['ffmpeg'])",
        "import subprocess\nsubprocess.run('ffmpeg -i x', shell=True)",
        "import os\nos.system('LC_ALL=C ffmpeg -i x')",
        "import os\nos.execvp('ffmpeg', args)",
        "import asyncio\nasync def f():\n    await asyncio.create_subprocess_exec('ffmpeg', '-i')",
        "import subprocess\nFFMPEG = 'ffmpeg'\ndef f():\n    cmd = [FFMPEG, '-y']\n    subprocess.run(cmd)",
        "import subprocess\nsubprocess.run(['ffmpeg'] + rest)",
        "import os, subprocess\nsubprocess.run([os.environ.get('FFMPEG', 'ffmpeg')])",
        "import subprocess\nsubprocess.run(['ffmpeg', *args], check=True)",
        "import os\nos.system(f'ffmpeg -i {path} x.wav')",
        "import os\nos.system('ffmpeg -i ' + path)",
        "import os\nos.system('ffmpeg -i %s' % path)",
        "import os\nos.system('ffmpeg -i {}'.format(path))",
        "import os\nos.system('ffmpeg '\n          f'-i {path}')",
        "import subprocess\nsubprocess.run(f'ffmpeg -i {path}'.split())",
        "import shlex, subprocess\nsubprocess.run(shlex.split(f'ffmpeg -i {path}'))",
        "import os\nos.system('cd /tmp && exec ffmpeg -i x')",
        "import os\nos.system('ffmpeg -i x || exit 1')",
    ],
)
def test_a_program_that_is_run_is_seen(call: str) -> None:
    assert programs(call + "\n") == {"ffmpeg": False}


@pytest.mark.parametrize(
    "call",
    [
        "app.run('ffmpeg')",
        "import subprocess\nsubprocess.run([sys.executable, '-m', 'x'])",
        "import os\nos.system('cd /tmp')",
        "import subprocess\nsubprocess.run(command)",
        "from mine import run\nrun(['ffmpeg'])",
        "import os\nos.system(f'{program} -i x')",
        "import os\nos.system(f'ffmpeg-{version} -i x')",
        "import subprocess\nsubprocess.run([f'{folder}/ffmpeg'])",
    ],
)
def test_what_runs_no_known_program_is_left_alone(call: str) -> None:
    assert programs(call + "\n") == {}


@pytest.mark.parametrize(
    "call",
    [
        "os.system('sox a -t wav - | ffmpeg -i -')",
        "os.system(f'sox {a} b && ffmpeg -i b')",
        "subprocess.run(['sox', 'a', 'b']); subprocess.run(f'ffmpeg {c}', shell=True)",
    ],
)
def test_every_program_of_a_command_line_is_seen(call: str) -> None:
    assert programs(f"import os, subprocess\n{call}\n") == {"sox": False, "ffmpeg": False}


@pytest.mark.parametrize(
    ("call", "shell"),
    [
        ("['bash', '-c', 'ffmpeg -i x']", "bash"),
        ("['/bin/sh', '-ec', f'ffmpeg -i {x}']", "/bin/sh"),
        ("['sudo', 'ffmpeg', '-i', x]", "sudo"),
        ("['timeout', '5', 'ffmpeg']", "timeout"),
    ],
)
def test_what_a_program_is_told_to_start_is_seen(call: str, shell: str) -> None:
    text = f"import subprocess\nsubprocess.run({call})\n"
    assert programs(text) == {shell: False, "ffmpeg": False}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    subprocess.run(['ffmpeg'])\nexcept FileNotFoundError:\n    pass\n",
        "try:\n    subprocess.run(['ffmpeg'])\nexcept (ValueError, OSError) as e:\n    log(e)\n",
        "with contextlib.suppress(OSError):\n    subprocess.run(['ffmpeg'])\n",
        "if shutil.which('ffmpeg'):\n    subprocess.run(['ffmpeg'])\n",
        "def f():\n    if shutil.which('ffmpeg') is None:\n        return\n    subprocess.run(['ffmpeg'])\n",
        "exe = shutil.which('ffmpeg')\nif exe:\n    subprocess.run([exe])\n",
    ],
)
def test_a_program_whose_absence_is_survived_is_handled(text: str) -> None:
    assert programs("import subprocess, shutil, contextlib\n" + text) == {"ffmpeg": True}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    subprocess.run(['ffmpeg'])\nexcept OSError as e:\n    raise RuntimeError from e\n",
        "try:\n    subprocess.run(['ffmpeg'])\nexcept ValueError:\n    pass\n",
        "try:\n    pass\nexcept OSError:\n    subprocess.run(['ffmpeg'])\n",
        "if not shutil.which('ffmpeg'):\n    sys.exit('install ffmpeg')\n",
        "exe = shutil.which('ffmpeg')\nif exe is None:\n    raise RuntimeError\nsubprocess.run([exe])\n",
        "def f():\n    shutil.which('ffprobe')\ndef g():\n    subprocess.run(['ffmpeg'])\n",
    ],
)
def test_a_program_whose_absence_is_not_survived_is_not_handled(text: str) -> None:
    assert programs("import subprocess, shutil\n" + text)["ffmpeg"] is False


@pytest.mark.parametrize(
    ("edit", "folder"),
    [
        ("sys.path.insert(0, os.path.dirname(__file__))", "<file>/.."),
        ("sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))", "<file>/../.."),
        ("sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))", "<file>/../../lib"),
        ("sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'lib'))", "<file>/../../lib"),
        ("sys.path.append(str(Path(__file__).parents[1]))", "<file>/../.."),
        ("ROOT = Path(__file__).parent\nsys.path += [str(ROOT / 'x')]", "<file>/../x"),
        ("sys.path[0:0] = ['/opt/lib']", "/opt/lib"),
        ("sys.path = ['lib'] + sys.path", "lib"),
        ("sys.path.append(f'{os.path.dirname(__file__)}/lib')", "<file>/../lib"),
        ("import site\nsite.addsitedir('/opt/site')", "/opt/site"),
    ],
)
def test_path_edits_are_evaluated_from_the_file_and_constants(edit: str, folder: str) -> None:
    assert folders(f"import sys, os\nfrom pathlib import Path\n{edit}\n") == [(folder,)]


def test_a_path_edit_that_cannot_be_evaluated_is_kept_as_text() -> None:
    (edit,) = read("import sys\nsys.path.insert(0, find_root())\n").path_edits
    assert (edit.folders, edit.expression) == ((), "sys.path.insert(0, find_root())")


def test_reading_the_path_is_no_edit() -> None:
    assert folders("import sys\nif 'x' in sys.path or sys.path == []:\n    print(sys.path)\n") == []


@pytest.mark.parametrize(
    ("call", "modules"),
    [
        ("importlib.import_module('a.b')", ("a.b",)),
        ("__import__('a')", ("a",)),
        ("importlib.import_module('.c', package=__name__)", (".c",)),
        ("importlib.import_module('.c', __package__ or 'a')", (".c",)),
        ("importlib.import_module('.c')", (".c",)),
        ("importlib.import_module('.c', 'a.b')", ("a.b.c",)),
        ("PACKAGE = 'a.b'\nimportlib.import_module('..c', package=PACKAGE)", ("a.c",)),
        ("importlib.import_module('b', package='a')", ("b",)),
        ("import a.b\nimportlib.import_module('.c', a.b.__name__)", ("a.b.c",)),
        ("from a import b\nimportlib.import_module('.c', b.__package__)", ("a.b.c",)),
        ("importlib.import_module('.c', find_package())", ()),
        ("importlib.import_module('...c', 'a.b')", ()),
        ("for name in ['a', 'b']:\n    importlib.import_module(name)", ("a", "b")),
        ("from importlib import import_module as load\nload('a')", ("a",)),
        ("load = importlib.import_module\nload('a')", ("a",)),
        ("class Loader:\n    load = __import__\nload('a')", ("a",)),
        ("importlib.import_module(name)", ()),
        ("importlib.import_module('not a module')", ()),
        ("importlib.import_module(" + "(" * 50 + "name" + ")" * 51, ()),
        ("importlib.import_module(" + "name + " * 400 + "name)", ()),
    ],
)
def test_imports_by_name_are_seen(call: str, modules: tuple[str, ...]) -> None:
    assert [found.modules for found in read(f"import importlib\n{call}\n").dynamic] == [modules]


@pytest.mark.parametrize(
    ("loop", "modules"),
    [
        ("for name in {'a': 'x', 'b': 'y'}", ("a", "b")),
        ("for name in TABLE", ("a", "b")),
        ("for name in sorted(TABLE)", ("a", "b")),
        ("for name in TABLE.keys()", ("a", "b")),
        ("for name in TABLE.values()", ("x", "y")),
        ("for name, other in TABLE.items()", ("a", "b")),
        ("for other, name in TABLE.items()", ("x", "y")),
        ("for name, other in [('a', 'x'), ('b', 'y')]", ("a", "b")),
        ("for other, name in PAIRS + [('z', 'c')]", ("x", "y", "c")),
        ("for other, name in enumerate(['a', 'b'])", ("a", "b")),
        ("for other, name in zip(['x', 'y'], ['a', 'b'])", ("a", "b")),
        ("for group in [['a'], ['b']]:\n  for name in group", ("a", "b")),
        ("for other, name in TABLE", ()),
        ("for name in TABLE.items()", ()),
        ("for name, other in find(['a', 'b'])", ()),
    ],
)
def test_a_loop_takes_its_part_of_each_item(loop: str, modules: tuple[str, ...]) -> None:
    text = (
        f"TABLE = {{'a': 'x', 'b': 'y'}}\nPAIRS = [('a', 'x'), ('b', 'y')]\n{loop}:\n    __import__(name)\n"
    )
    assert [found.modules for found in read(text).dynamic] == [modules]


@pytest.mark.parametrize(
    "text",
    [
        "from importlib import reload as load\nload('a')\n",
        "import importlib\nload = find(importlib.import_module)\nload('a')\n",
        "import importlib\nload = importlib.import_module\ndef load(): pass\nloads('a')\n",
    ],
)
def test_other_functions_import_nothing_by_name(text: str) -> None:
    assert read(text).dynamic == ()


def test_calls_by_other_names_stay_in_the_order_of_the_text() -> None:
    text = "from subprocess import run as go, call\ngo(['first'])\ncall(['second'])\ngo(['third'])\n"
    assert [(run.line, run.programs) for run in read(text).runs] == [
        (2, ("first",)),
        (3, ("second",)),
        (4, ("third",)),
    ]


def test_the_line_of_a_call_is_where_it_begins() -> None:
    text = "import subprocess\n'''\n\n'''\nx = (1,\n     2)\nsubprocess.run(\n    ['ffmpeg'])\n"
    assert [run.line for run in read(text).runs] == [7]


def test_a_file_with_more_calls_than_are_looked_at_says_so() -> None:
    assert read("import subprocess\n" + "subprocess.run('a')\n" * 2100).is_cut
    assert not read("import subprocess\n" + "subprocess.run('a')\n" * 100).is_cut


def test_a_handler_that_repairs_other_systems_and_raises_here_is_no_way_out() -> None:
    text = (
        "import platform\nfrom ctypes.util import find_library\n"
        "try:\n    for name in ('portaudio', 'bin\\\\portaudio.dll', 'lib/libportaudio.dylib'):\n"
        "        name = find_library(name)\n    lib = ffi.dlopen(name)\n"
        "except OSError:\n    if platform.system() == 'Darwin':\n        name = 'x.dylib'\n"
        "    else:\n        raise\n"
    )
    assert [(load.method, load.names, load.is_handled) for load in read(text).loads if load.names] == [
        (LoadMethod.FIND_LIBRARY, ("portaudio",), False)
    ]
