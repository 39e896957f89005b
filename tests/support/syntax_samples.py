"""Pieces of Python, each with the version that first takes it; what none takes is of version `NEVER`.

The versions are those of the "What's New" and of the grammar in the Language Reference; real interpreters,
where a test has them, are asked as well.
"""

from collections.abc import Mapping

NEVER = 99
ALWAYS = 8
"""The oldest version that is looked at."""

_EXPRESSIONS = {
    "an assignment expression": (8, "if (n := 1): pass\n"),
    "an assignment expression in an index": (10, "x = a[i := 0]\n"),
    "an assignment expression among indexes": (10, "x = a[i := 0, 1]\n"),
    "an assignment expression in a set": (9, "x = {i := 0, 1}\n"),
    "an assignment expression in a comprehension of a set": (9, "x = {i := y for y in z}\n"),
    "an assignment expression in brackets in an index": (8, "x = a[(i := 0)]\n"),
    "an assignment expression in brackets in a set": (8, "x = {\n  (  # why\n   i := 0), 1}\n"),
    "an assignment expression in a call in a set": (8, "x = {f(i := 0)}\n"),
    "an assignment expression of its own": (NEVER, "i := 0\n"),
    "a formatted string that names its expression": (8, "x = 1\nprint(f'{x=}')\n"),
    "a star in an index": (11, "x = a[*b]\n"),
    "a star in a tuple that is an index": (8, "x = a[(*b, 1)]\n"),
    "a star in an annotation": (11, "def f(*a: *b): pass\n"),
    "stars in what a loop goes over": (9, "for x in *a, *b: pass\n"),
    "stars in a tuple that a loop goes over": (8, "for x in (*a, *b): pass\n"),
    "stars in what is returned": (8, "def f():\n    return 1, *a\n"),
    "stars in what is yielded": (8, "def f():\n    yield 1, *a\n"),
    "a star of its own": (NEVER, "*a\n"),
    "a star in a comprehension": (NEVER, "x = [*a for a in b]\n"),
    "two stars": (NEVER, "*a, *b = c\n"),
    "a generator beside another argument": (NEVER, "f(a for a in b, c)\n"),
    "a name given twice": (NEVER, "f(a=1, a=2)\n"),
    "a value after a name": (NEVER, "f(a=1, 2)\n"),
    "a number of the old kind": (NEVER, "x = 0777\n"),
    "an open bracket": (NEVER, "x = (1\n"),
    "brackets that do not fit": (NEVER, "x = (1]\n"),
    "a string that never ends": (NEVER, "x = 'a\n"),
    "an escape that is none": (NEVER, "x = '\\x1'\n"),
    "bytes that are no ASCII": (NEVER, "x = b'ä'\n"),
    "text and bytes joined": (NEVER, "x = 'a' b'b'\n"),
}
_FORMATS = {
    "the quotes of the string in its expression": (12, 'x = f"{d["a"]}"\n'),
    "backslashes in an expression": (12, "x = f\"{'\\n'.join(a)}\"\n"),
    "comments in an expression": (12, "x = f'''{\n1 # c\n}'''\n"),
    "other quotes in an expression": (8, "x = f\"{d['a']!r:>{width}}\"\n"),
    "an empty expression": (NEVER, "x = f'{}'\n"),
    "a brace too many": (NEVER, "x = f'}'\n"),
    "a template string": (14, "x = t'{a}'\n"),
}
_STATEMENTS = {
    "positional only parameters": (8, "def f(a, /): pass\n"),
    "any expression as decorator": (9, "@a.b[0]\ndef f(): pass\n"),
    "a name and its call as decorator": (8, "@a.b\n@a.b(0)\ndef f(): pass\n"),
    "brackets around several managers": (9, "with (open('a') as a, open('b') as b):\n    pass\n"),
    "brackets around one manager": (8, "with (open('a')) as a:\n    pass\n"),
    "a match statement": (10, "match x:\n    case [1, *_] | {'a': 1}: pass\n    case A(b=c) if c: pass\n"),
    "match as a name": (8, "match = 1\nmatch[match](match)\n"),
    "a name bound twice in a case": (NEVER, "match x:\n    case [a, a]: pass\n"),
    "a case that nothing gets past": (NEVER, "match x:\n    case a: pass\n    case 1: pass\n"),
    "exception groups": (11, "try:\n    pass\nexcept* ValueError:\n    pass\n"),
    "both kinds of handlers": (NEVER, "try:\n    pass\nexcept* A:\n    pass\nexcept B:\n    pass\n"),
    "leaving a handler of groups": (
        NEVER,
        "def f():\n    try:\n        pass\n    except* A:\n        return\n",
    ),
    "a bare handler before others": (NEVER, "try:\n    pass\nexcept:\n    pass\nexcept A:\n    pass\n"),
    "several exceptions without brackets": (14, "try:\n    pass\nexcept A, B:\n    pass\n"),
    "several exceptions without brackets and a name": (
        NEVER,
        "try:\n    pass\nexcept A, B as e:\n    pass\n",
    ),
    "a type statement": (12, "type A = int\n"),
    "type as a name": (8, "type = 1\ntype (type)\n"),
    "type parameters": (12, "class A[T]: pass\ndef f[T](a: T) -> T: return a\n"),
    "defaults of type parameters": (13, "def f[T=int](a: T): pass\n"),
    "continue in finally": (8, "for x in y:\n    try:\n        pass\n    finally:\n        continue\n"),
    "return in finally": (8, "def f():\n    try:\n        pass\n    finally:\n        return\n"),
    "a print statement": (NEVER, "print 'x'\n"),
    "an exec statement": (NEVER, "exec 'x' in {}\n"),
    "a raise statement of two parts": (NEVER, "raise A, 'b'\n"),
    "a handler of Python 2": (NEVER, "try:\n    pass\nexcept A, e:\n    print e\n"),
    "a tuple as parameter": (NEVER, "def f((a, b)): pass\n"),
    "tabs and blanks": (NEVER, "if x:\n        a = 1\n\tb = 1\n"),
    "a line that is indented for nothing": (NEVER, "a = 1\n    b = 1\n"),
    "a block without statements": (NEVER, "def f():\nx = 1\n"),
    "an assignment to a literal": (NEVER, "1 = x\n"),
    "an assignment to a call": (NEVER, "f() = x\n"),
    "an assignment to a word of the language": (NEVER, "None = x\n"),
    "a deletion of a call": (NEVER, "del f()\n"),
    "an annotated tuple": (NEVER, "(a, b): int = 1\n"),
    "an unfinished merge": (NEVER, "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n"),
}
_MEANING = {
    "a parameter twice": (NEVER, "def f(a, a): pass\n"),
    "a parameter without default after one with": (NEVER, "def f(a=1, b): pass\n"),
    "a star without names": (NEVER, "def f(*): pass\n"),
    "return outside of a function": (NEVER, "return 1\n"),
    "yield outside of a function": (NEVER, "class A:\n    yield 1\n"),
    "break outside of a loop": (NEVER, "if x:\n    break\n"),
    "await outside of a function": (NEVER, "await x\n"),
    "await in a plain function": (NEVER, "def f():\n    await x\n"),
    "a plain function that loops asynchronously": (NEVER, "def f():\n    async for x in y: pass\n"),
    "yield from in an asynchronous function": (NEVER, "async def f():\n    yield from x\n"),
    "an asynchronous comprehension": (8, "async def f():\n    return [x async for x in y]\n"),
    "an asynchronous comprehension in another": (
        11,
        "async def f():\n    return [[x async for x in y] for y in z]\n",
    ),
    "await in a comprehension in another": (
        11,
        "async def f():\n    return [[await x for x in y] for y in z]\n",
    ),
    "an asynchronous generator in a comprehension": (
        8,
        "async def f():\n    return [(x async for x in y) for y in z]\n",
    ),
    "an asynchronous comprehension that another goes over": (
        8,
        "async def f():\n    return [x for x in [y async for y in z]]\n",
    ),
    "an asynchronous comprehension in a plain function": (
        NEVER,
        "def f():\n    return [x async for x in y]\n",
    ),
    "a star import in a function": (NEVER, "def f():\n    from a import *\n"),
    "nonlocal in a module": (NEVER, "nonlocal x\n"),
    "nonlocal of no name around": (NEVER, "def f():\n    nonlocal x\n"),
    "a parameter that is global": (NEVER, "def f(a):\n    global a\n"),
    "a name that is global after its use": (NEVER, "def f():\n    a = 1\n    global a\n"),
    "a comprehension that rebinds what it runs over": (NEVER, "x = [i := 0 for i in y]\n"),
    "a late import from the future": (NEVER, "import a\nfrom __future__ import annotations\n"),
    "an early import from the future": (8, '"""Doc."""\nfrom __future__ import annotations, division\n'),
    "an unknown import from the future": (NEVER, "from __future__ import time_travel\n"),
    "an assignment to __debug__": (NEVER, "__debug__ = 1\n"),
}
SAMPLES: Mapping[str, tuple[int, str]] = {**_EXPRESSIONS, **_FORMATS, **_STATEMENTS, **_MEANING}
"""By what each shows: the minor version of Python 3 that first takes it, and the text."""

ENCODED: Mapping[str, tuple[bool, bytes]] = {
    "UTF-8": (True, "x = 'ä'\n".encode()),
    "UTF-8 with a mark": (True, b"\xef\xbb\xbfx = 1\n"),
    "Latin-1 that is declared": (True, b"# coding: latin-1\nx = '\xe4'\n"),
    "Latin-1 that is declared on the second line": (
        True,
        b"#!/bin/sh\n# -*- coding: latin-1 -*-\nx = '\xe4'\n",
    ),
    "Latin-1 that is declared too late": (False, b"#\n#\n# coding: latin-1\nx = '\xe4'\n"),
    "Latin-1 that is not declared": (False, b"x = '\xe4'\n"),
    "Latin-1 called UTF-8": (False, b"# coding: utf-8\nx = '\xe4'\n"),
    "Latin-1 with a mark": (False, b"\xef\xbb\xbf# coding: latin-1\nx = 1\n"),
    "an encoding that nobody knows": (False, b"# coding: nowhere\nx = 1\n"),
    "UTF-16": (False, "x = 1\n".encode("utf-16")),
    "a NUL byte": (False, b"x = 1\0\n"),
    "a form feed": (True, b"\fx = 1\n"),
    "bare carriage returns": (True, b"x = 1\ry = 2\r"),
}
"""By what each shows: whether all versions take it, and the file."""
