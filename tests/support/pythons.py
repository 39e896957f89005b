"""Builds images that hold a Python, distributions, and the services' repository beside them."""

from collections.abc import Callable, Mapping, Sequence

from fleet_audit.audit.images.tree import MemoryTree
from fleet_audit.audit.model.evidence import Edge
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import KnownImport, ServiceImports
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.kept_examination import Keeping
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.store import RecordStore
from tests.support.trees import tree

LIB = "/usr/local/lib/python3.11"
SITE = f"{LIB}/site-packages"
TAG = ".cpython-311-x86_64-linux-gnu.so"

_STDLIB = ("os", "abc", "json/__init__", "subprocess", "typing", "pathlib", "shutil", "importlib/__init__")
_STDLIB_MORE = (
    "importlib/util",
    "ctypes/__init__",
    "ctypes/util",
    "asyncio/__init__",
    "posixpath",
    "contextlib",
)


def python_image(files: Mapping[str, str | bytes], *, lib: str = LIB) -> MemoryTree:
    """Return an image with a small Python 3.11; relative paths in `files` stand in its site-packages."""
    base: dict[str, str | bytes] = {f"{lib}/{name}.py": "" for name in (*_STDLIB, *_STDLIB_MORE)}
    base["/usr/local/bin/python3.11"] = b"\x7fELF"
    base[f"{lib}/lib-dynload/math{TAG}"] = b"\x7fELF"
    placed = {
        path if path.startswith("/") else f"{lib}/site-packages/{path}": body for path, body in files.items()
    }
    return tree({**base, **placed})


def distribution(
    name: str, version: str, files: Mapping[str, str | bytes], *, extra: str = ""
) -> dict[str, str | bytes]:
    """Return a distribution's files with its metadata and RECORD, relative to a site folder."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extra}\n"
    return {**files, f"{info}/METADATA": metadata, f"{info}/RECORD": record}


def examination(
    sources: Mapping[str, str | bytes],
    image: Mapping[str, str | bytes] | None = None,
    *,
    services: Sequence[ServiceCode] = (ServiceCode("svc", "app.py", ("app.py",)),),
    records: RecordStore | None = None,
    suggestions: Mapping[str, tuple[DistributionName, ...]] | None = None,
    computed: Sequence[KnownImport] = (),
    compiled: Callable[[ImagePath], CompiledNames | None] | None = None,
    keeping: Keeping | None = None,
    watched: Mapping[str, tuple[str, ...]] | None = None,
) -> Examination:
    """Examine services whose repository is `sources` on an image with `image` in its site-packages."""
    built = None if image is None else python_image(image)
    interpreter = None if built is None else find_interpreter(built, ImageConfig())
    return examine(
        services,
        tree(sources),
        built,
        interpreter,
        records=records,
        suggestions=suggestions,
        computed_imports=computed,
        compiled=compiled,
        keeping=keeping,
        watched=watched,
    )


def imports_of(
    app: str, image: Mapping[str, str | bytes] | None = None, **others: str | bytes
) -> ServiceImports:
    """Return what a service with the script ``app.py`` imports; `others` are modules beside it."""
    sources: dict[str, str | bytes] = {"app.py": app}
    sources.update({f"{name}.py": body for name, body in others.items()})
    return examination(sources, {} if image is None else image).services[0]


def edges_between(found: Examination, source: str, target: str) -> list[Edge]:
    """Return the edges from one node to another, nodes written as ``kind:name``."""
    return [edge for edge in found.edges if str(edge.source) == source and str(edge.target) == target]
