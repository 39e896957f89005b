"""Writes the corpus of hostile Python files: ``python -m tests.fuzz.make_source_corpus`` from a checkout.

Each holds one thing that ends, or never ends, a parser, or that readers of text get wrong, between an import
of ``first`` and one of ``last``. Fuzzing starts from them, and the fast tests read each of them.
"""

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "sources" / "corpus"

FIRST, LAST = b"import first\n", b"import last\n"


def main() -> None:
    """Write every file, and remove what is of an older corpus."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for name, body in corpus().items():
        (FOLDER / name).write_bytes(body)


def corpus() -> Mapping[str, bytes]:
    """Return the files by name."""
    between = {**_crashing(), **_long(), **_layout(), **_unfinished(), **_grammar()}
    files = {name: FIRST + body + LAST for name, body in between.items()}
    return dict(sorted({**files, **_encodings()}.items()))


def _crashing() -> dict[str, bytes]:
    return {
        "crash-chained-operators": b"x = " + b"1+" * 20_000 + b"1\n",
        "crash-nested-parentheses": b"x = " + b"(" * 5_000 + b"1" + b")" * 5_000 + b"\n",
        "crash-nested-calls": b"x = " + b"f(" * 5_000 + b")" * 5_000 + b"\n",
        "crash-programs-in-programs": b"import os\nos.system(" + b"os.system(" * 5_000 + b")" * 5_001 + b"\n",
        "crash-negations": b"x = " + b"not " * 8_000 + b"1\n",
        "crash-lambdas": b"x = " + b"lambda: " * 5_000 + b"1\n",
        "crash-attributes": b"x = a" + b".b" * 20_000 + b"\n",
        "crash-formatted-string": b'x = f"{' + b"(" * 5_000 + b"1" + b")" * 5_000 + b'}"\n',
        "hang-nested-case-patterns": b"match x:\n case " + b"(" * 60 + b"a" + b")" * 60 + b": pass\n",
    }


def _long() -> dict[str, bytes]:
    return {
        "long-line": b"x = [" + b"0, " * 34_000 + b"]\n",
        "long-comment": b"# " + b"import not_this; " * 1_000 + b"\n",
        "long-number": b"x = " + b"9" * 20_000 + b"\n",
        "long-name": b"x" * 20_000 + b" = 1\n",
        "long-string": b"x = '" + b"import not_this " * 2_000 + b"'\n",
        "long-import": b"import " + b", ".join(b"m%d" % i for i in range(2_000)) + b"\n",
        "deep-indentation": b"".join(b" " * n + b"if x:\n" for n in range(150)) + b" " * 150 + b"pass\n",
        "many-elifs": b"if x: pass\n" + b"elif x: pass\n" * 4_000,
    }


def _layout() -> dict[str, bytes]:
    return {
        "layout-form-feeds": b"\f\nif x:\n\f    import inner\n\f",
        "layout-tabs": b"if x:\n\timport inner\n        import same\n",
        "layout-mixed-tabs": b"if x:\n        if y:\n\tz = 1\n",
        "layout-carriage-returns": b"x = 1\r\nif x:\r\n    y = 2\r\n",
        "layout-bare-carriage-returns": b"x = 1\rif x:\r    y = 2\r",
        "layout-continued": b"x = \\\n    1\nfrom a \\\n    import b\n",
        "layout-vertical-tab": b"x = 1\x0b\n",
        "layout-nul-bytes": b"x = 1\0\n",
        "layout-control-z": b"x = 1\n\x1a\n",
    }


def _unfinished() -> dict[str, bytes]:
    return {
        "unfinished-string": b"x = 'abc\n",
        "unfinished-long-string": b"x = '''abc\n",
        "unfinished-formatted-string": b"x = f'{a'\n",
        "unfinished-bracket": b"x = [1, 2\n",
        "unfinished-import": b"from a import (b,\n",
        "unfinished-merge": b"<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other\n",
        "unfinished-continuation": b"x = 1 + \\\n\n",
        "unfinished-block": b"def f():\n",
        "unfinished-text-of-a-function": b'def f():\n    """A.\ndef g():\n    """B."""\n    import inner\n',
        "unfinished-merge-in-a-function": b"def f():\n<<<<<<< HEAD\n    import inner\n=======\n>>>>>>> b\n",
        "unfinished-method": b"class A:\n  def f(self):\n    return (\n  def g(self):\n    import inner\n",
    }


def _grammar() -> dict[str, bytes]:
    return {
        "grammar-python-2": b"print 'two'\nexec 'x'\n",
        "grammar-match": b"match x:\n    case 1: pass\n",
        "grammar-except-star": b"try:\n    pass\nexcept* ValueError:\n    pass\n",
        "grammar-type-statement": b"type A[T] = list[T]\n",
        "grammar-nested-quotes": b'x = f"{d["a"]}"\n',
        "grammar-except-without-parentheses": b"try:\n    pass\nexcept A, B:\n    pass\n",
        "grammar-template-string": b'x = t"{a}"\n',
        "grammar-non-ascii-name": "def größe():\n    import inner\ngröße()\n".encode(),
    }


def _encodings() -> dict[str, bytes]:
    text = FIRST + b"x = '\xe4'\n" + LAST
    surrogate = "x = '\ud800'\n".encode("utf-8", "surrogatepass")
    return {
        "encoding-mark": b"\xef\xbb\xbf" + FIRST + LAST,
        "encoding-two-marks": b"\xef\xbb\xbf\xef\xbb\xbf" + FIRST + LAST,
        "encoding-latin-1": b"# coding: latin-1\n" + text,
        "encoding-says-ascii": b"# coding: ascii\n" + text,
        "encoding-says-utf-8": b"# coding: utf-8\n" + text,
        "encoding-says-nothing": text,
        "encoding-unknown": b"# coding: nowhere\n" + text,
        "encoding-mark-and-latin-1": b"\xef\xbb\xbf# coding: latin-1\n" + FIRST + LAST,
        "encoding-utf-16": (FIRST + LAST).decode().encode("utf-16"),
        "encoding-lone-surrogate": FIRST + surrogate + LAST,
        "encoding-says-rot13": b"# coding: rot13\n" + FIRST + LAST,
        "empty": b"",
    }


if __name__ == "__main__":
    main()
