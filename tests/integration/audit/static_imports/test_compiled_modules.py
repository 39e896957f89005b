"""What compiled modules import by name, against what a fresh interpreter has loaded once it imported one.

Every distribution of the small programs' wheels that has extension modules is asked: some of its modules are
imported in a Debian 12, each in a process of its own. The prediction sees the same system from outside, with
a service for each of these modules.
"""

import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import ExtensionModule, Level
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter, find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.store import MemoryStore
from fleet_audit.audit.tools.process import run
from tests.support.program_roots import full_root
from tests.support.roots import Root
from tests.support.trees import tree

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping and chroot need root"),
]

PROBE = Path(__file__).parents[3] / "fixtures" / "compiled" / "import_each.py"
OF_EACH = 2
"""Modules of each distribution that are imported."""

DISTRIBUTIONS = 30
SECONDS = 900

USED_FOR_THE_RULES = frozenset(
    {
        "aiohttp",
        "asyncpg",
        "av",
        "bcrypt",
        "black",
        "bottleneck",
        "cffi",
        "cftime",
        "charset-normalizer",
        "clickhouse-driver",
        "cryptography",
        "cymem",
        "cytoolz",
        "frozenlist",
        "gevent",
        "greenlet",
        "grpcio",
        "h5py",
        "levenshtein",
        "lxml",
        "lz4",
        "msgspec",
        "multidict",
        "murmurhash",
        "netcdf4",
        "numpy",
        "oracledb",
        "orjson",
        "pandas",
        "pillow",
        "preshed",
        "propcache",
        "psycopg2-binary",
        "pydantic-core",
        "pyfftw",
        "pymssql",
        "pynacl",
        "pywavelets",
        "pyzmq",
        "rapidfuzz",
        "regex",
        "rpds-py",
        "safetensors",
        "scikit-image",
        "scikit-learn",
        "scipy",
        "shapely",
        "sqlalchemy",
        "srsly",
        "statsmodels",
        "thinc",
        "tokenizers",
        "ujson",
        "uvloop",
        "watchfiles",
        "yarl",
        "zope-interface",
    }
)
"""Distributions whose modules were looked at when the rules were made; the others measure them elsewhere."""


class Imported(NamedTuple):
    """What one module's import has loaded: modules by name, and the files of extension modules."""

    error: str
    modules: frozenset[str]
    extensions: frozenset[str]


class Trial(NamedTuple):
    """One module: what its import has loaded, and what was foreseen, with and without names in binaries."""

    module: ModuleName
    distribution: str
    loaded: frozenset[str]
    foreseen: frozenset[str]
    without_names: frozenset[str]
    named: frozenset[str]
    """Modules that it is said to import certainly, by names in its binary."""

    modules: frozenset[str]


@pytest.fixture(scope="module")
def found() -> list[Trial]:
    root = full_root()
    chosen = _chosen(root)
    truth = _truth(root, [module.module for module in chosen])
    records = MemoryStore()
    with_names = _foreseen(root, chosen, records, names=True)
    without = _foreseen(root, chosen, records, names=False)
    services = {service.service: service for service in with_names.services}
    before = {service.service: service for service in without.services}
    named = _named(with_names)
    return [
        Trial(
            module=module.module,
            distribution=str(module.distribution),
            loaded=frozenset(f for f in truth[module.module].extensions if f.startswith(root.site)),
            foreseen=_certain(services[module.module].extension_modules, root),
            without_names=_certain(before[module.module].extension_modules, root),
            named=named[module.module],
            modules=truth[module.module].modules,
        )
        for module in chosen
        if not truth[module.module].error
    ]


def test_modules_of_many_distributions_are_imported(found: list[Trial]) -> None:
    assert len({trial.distribution for trial in found}) >= DISTRIBUTIONS
    assert len({trial.distribution for trial in found} - USED_FOR_THE_RULES) >= DISTRIBUTIONS / 3


def test_what_a_compiled_module_certainly_names_is_imported_with_it(found: list[Trial]) -> None:
    named = Counter(name in trial.modules for trial in found for name in trial.named)
    wrong = Counter(name for trial in found for name in trial.named - trial.modules)
    assert named[True] > 100
    assert named[False] <= named.total() * 0.02, wrong.most_common(10)


@pytest.mark.parametrize("used", [True, False], ids=["used for the rules", "not looked at"])
def test_extension_modules_behind_compiled_ones_are_found(
    found: list[Trial], used: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [trial for trial in found if (trial.distribution in USED_FOR_THE_RULES) == used]
    before = _score((trial.without_names, trial.loaded) for trial in trials)
    after = _score((trial.foreseen, trial.loaded) for trial in trials)
    with capsys.disabled():
        print(f"\n{len(trials)} modules: {before} without names in binaries, {after} with them")  # noqa: T201  (the scores are to be read where the tests are run)
    assert after.precision >= 98
    assert after.recall >= 93
    assert after.recall >= before.recall


class _Score(NamedTuple):
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"{self.precision:.1f} % precision and {self.recall:.1f} % recall"


def _score(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> _Score:
    foreseen = loaded = both = 0
    for claimed, real in pairs:
        foreseen, loaded, both = foreseen + len(claimed), loaded + len(real), both + len(claimed & real)
    return _Score(100 * both / max(1, foreseen), 100 * both / max(1, loaded))


def _chosen(root: Root) -> list[ExtensionModule]:
    """Return some modules of each distribution, spread over its own in the order of their names."""
    by_distribution: defaultdict[str, list[ExtensionModule]] = defaultdict(list)
    for module in importable_extensions(open_folder(root.place), _interpreter(root)):
        if module.distribution is not None and module.module.isascii():
            by_distribution[module.distribution].append(module)
    chosen: dict[ModuleName, ExtensionModule] = {}
    for _, modules in sorted(by_distribution.items()):
        ordered = sorted(modules, key=lambda module: module.module)
        for number in range(min(OF_EACH, len(ordered))):
            module = ordered[number * len(ordered) // OF_EACH if len(ordered) > OF_EACH else number]
            chosen[module.module] = module
    return list(chosen.values())


def _truth(root: Root, modules: Sequence[ModuleName]) -> dict[str, Imported]:
    place = Path(mkdtemp(dir=root.place / "tmp"))
    place.chmod(0o755)
    inside = f"/{place.relative_to(root.place)}"
    try:
        shutil.copy(PROBE, place / "probe.py")
        (place / "modules").write_text("\n".join(modules), encoding="utf-8")
        argv = [
            "unshare",
            "--net",
            "/usr/sbin/chroot",
            str(root.place),
            "/usr/bin/env",
            "-i",
            f"HOME={inside}",
        ]
        argv += [f"PYTHONPYCACHEPREFIX={inside}/bytecode", "LANG=C.UTF-8", "PATH=/usr/bin:/bin", root.python]
        argv += [f"{inside}/probe.py", f"{inside}/modules", f"{inside}/answer"]
        run(argv, timeout=SECONDS, env=os.environ)
        answer = json.loads((place / "answer").read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(place)
    return {
        name: Imported(error, frozenset(loaded), frozenset(files))
        for name, (error, loaded, files) in answer.items()
    }


def _foreseen(
    root: Root, modules: Sequence[ExtensionModule], records: MemoryStore, *, names: bool
) -> Examination:
    files = {f"{number}/app.py": f"import {module.module}\n" for number, module in enumerate(modules)}
    services = [
        ServiceCode(module.module, f"{number}/app.py", (f"{number}",))
        for number, module in enumerate(modules)
    ]
    return examine(
        services,
        tree(files),
        open_folder(root.place),
        _interpreter(root),
        records=records,
        compiled=None if names else lambda _: CompiledNames(),
    )


def _interpreter(root: Root) -> Interpreter:
    found = find_interpreter(open_folder(root.place), ImageConfig())
    assert found is not None
    return found


def _certain(modules: Iterable[ExtensionModule], root: Root) -> frozenset[str]:
    return frozenset(m.path for m in modules if m.level is Level.CERTAIN and m.path.startswith(root.site))


def _named(found: Examination) -> defaultdict[str, frozenset[str]]:
    named: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for edge in found.edges:
        if edge.how == "names" and edge.level is Level.CERTAIN:
            named[edge.source.name] |= {edge.target.name}
    return named
