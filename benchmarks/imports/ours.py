"""One whole run of one way to read imports: ``python -m benchmarks.imports.ours WAY FOLDER [STORE]``.

WAY is ``skim`` (import statements alone), ``records`` (all that a file says), ``ast``, ``libcst``, or
``reach`` (what the services in FOLDER/services reach in the image FOLDER/image). Prints as JSON what was
found, for `__main__`.
"""

import gc
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

SKIM, RECORDS, AST, LIBCST, REACH = "skim", "records", "ast", "libcst", "reach"


def main() -> None:
    """Read every file of a folder."""
    # As the command itself does.
    gc.set_threshold(100_000, 50, 100)
    way, folder, *store = sys.argv[1:]
    if way == REACH:
        answer = _reached(Path(folder), Path(store[0]))
    else:
        count = _ways()[way](store)
        bodies = (path.read_bytes() for path in sorted(Path(folder).rglob("*.py")))
        answer = {"statements": sum(count(body) for body in bodies)}
    print(json.dumps(answer))
    gc.freeze()


def _ways() -> dict[str, Callable[[list[str]], Callable[[bytes], int]]]:
    return {SKIM: _skimming, RECORDS: _recording, AST: _with_ast, LIBCST: _with_libcst}


def _skimming(_: list[str]) -> Callable[[bytes], int]:
    from fleet_audit.audit.static_imports.source.lexer import decode, lex  # noqa: PLC0415  (each way pays for its own)
    from fleet_audit.audit.static_imports.source.outline import outline  # noqa: PLC0415  (the same)
    from fleet_audit.audit.static_imports.source.statements import import_statements  # noqa: PLC0415  (the same)

    def count(body: bytes) -> int:
        outlined = outline(lex(decode(body)))
        source, shadow = outlined.text.source, outlined.text.shadow
        return sum(
            len(import_statements(source[start:end], shadow[start:end], 1, 0, block))
            for start, end, block in outlined.imports
        )

    return count


def _recording(store: list[str]) -> Callable[[bytes], int]:
    from fleet_audit.audit.static_imports.source import store as kept  # noqa: PLC0415  (each way pays for its own)
    from fleet_audit.audit.static_imports.source.reading import read_source  # noqa: PLC0415  (the same)
    from fleet_audit.audit.tools.folder_store import FolderStore  # noqa: PLC0415  (the same)

    records = FolderStore(Path(store[0])) if store else None

    def count(body: bytes) -> int:
        key = kept.record_key(body, "installed")
        value = None if records is None else records.get(key)
        record = None if value is None else kept.decode_record(value)
        if record is None:
            record = read_source(body)
            if records is not None:
                records.put(key, kept.encode_record(record))
        return len(record.imports)

    return count


def _with_ast(_: list[str]) -> Callable[[bytes], int]:
    import ast  # noqa: PLC0415  (each way pays for its own)

    warnings.simplefilter("ignore")

    def count(body: bytes) -> int:
        try:
            nodes = list(ast.walk(ast.parse(body)))
        except (SyntaxError, ValueError):
            return 0
        return sum(
            len(node.names) if isinstance(node, ast.Import) else isinstance(node, ast.ImportFrom)
            for node in nodes
        )

    return count


def _with_libcst(_: list[str]) -> Callable[[bytes], int]:
    import libcst as cst  # noqa: PLC0415  (each way pays for its own)

    class Collector(cst.CSTVisitor):
        count = 0

        def visit_Import(self, node: cst.Import) -> None:  # noqa: N802  (libcst's name)
            self.count += len(node.names)

        def visit_ImportFrom(self, _node: cst.ImportFrom) -> None:  # noqa: N802  (libcst's name)
            self.count += 1

    def count(body: bytes) -> int:
        collector = Collector()
        try:
            cst.parse_module(body).visit(collector)
        except (cst.ParserSyntaxError, UnicodeError, RecursionError):
            return 0
        return collector.count

    return count


def _reached(folder: Path, store: Path) -> dict[str, int]:
    from fleet_audit.audit.images.folder import open_folder  # noqa: PLC0415  (each way pays for its own)
    from fleet_audit.audit.model.image import ImageConfig  # noqa: PLC0415  (the same)
    from fleet_audit.audit.static_imports.examine import examine  # noqa: PLC0415  (the same)
    from fleet_audit.audit.static_imports.kept_examination import Keeping  # noqa: PLC0415  (the same)
    from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter  # noqa: PLC0415  (the same)
    from fleet_audit.audit.static_imports.service_code import ServiceCode  # noqa: PLC0415  (the same)
    from fleet_audit.audit.tools.folder_store import FolderStore  # noqa: PLC0415  (the same)

    image = open_folder(folder / "image")
    interpreter = find_interpreter(image, ImageConfig(env={"PATH": "/usr/bin"}))
    described = json.loads((folder / "services.json").read_bytes())
    services = [ServiceCode(name, entry, tuple(paths), root=root) for name, entry, paths, root in described]
    keeping = Keeping(FolderStore(store / "answers"))
    records, sources = FolderStore(store / "records"), open_folder(folder / "sources")
    found = examine(services, sources, image, interpreter, records=records, keeping=keeping)
    return {
        "services": len(found.services),
        "entries": len({service.entry for service in found.services}),
        "parsed": found.parsed,
        "kept": found.cached,
        "edges": len(found.edges),
        "extension modules": sum(len(service.extension_modules) for service in found.services),
    }


if __name__ == "__main__":
    main()
