"""Names of modules whose every use is to be told: where code takes them, and where it may do so unseen."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Level, NameUse
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.compiled import c_strings, extension
from tests.support.pythons import TAG, examination

WATCHED = {"cv2": ("imshow", "waitKey")}
CV2 = {"cv2/__init__.py": "def imshow(a, b): ...\n"}


def uses(
    app: str, image: Mapping[str, str | bytes] | None = None, **others: str | bytes
) -> tuple[NameUse, ...]:
    """Return what is told of a service with this text; `others` are modules beside it."""
    sources: dict[str, str | bytes] = {"app.py": app, **{f"{name}.py": body for name, body in others.items()}}
    service = ServiceCode("svc", "app.py", (".",), (".",))
    found = examination(sources, {**CV2, **(image or {})}, services=(service,), watched=WATCHED)
    return found.services[0].watched


def told(app: str, image: Mapping[str, str | bytes] | None = None, **others: str | bytes) -> list[str]:
    """Return the uses as ``name place level``."""
    return [f"{u.full_name} {u.location} {u.level.name}" for u in uses(app, image, **others)]


@pytest.mark.parametrize(
    "app",
    [
        "import cv2\ncv2.imshow('a', b)\n",
        "import cv2 as cv\ncv.imshow('a', b)\n",
        "from cv2 import imshow\nimshow('a', b)\n",
        "from cv2 import imread\nfrom cv2 import imshow as show\n",
        "import cv2\nshow = cv2.imshow\n",
        "import cv2\ngetattr(cv2, 'imshow')('a', b)\n",
        "import cv2.aruco\ncv2.imshow('a', b)\n",
    ],
)
def test_a_name_that_own_code_takes_at_module_level_is_certain(app: str) -> None:
    (use,) = uses(app)

    assert (use.full_name, use.level, use.is_own_code) == ("cv2.imshow", Level.CERTAIN, True)


@pytest.mark.parametrize(
    "app",
    [
        "import cv2\ncv2.imread('a')\n",
        "import cv2\n# cv2.imshow('a', b)\nx = 'cv2.imshow'\n",
        "import cv2\nimport matplotlib.pyplot as plt\nplt.imshow(b)\n",
        "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\n",
        "import cv2\nif cv2 is not None and cv2:\n    cv2.imread('a')\n",
        "import cv2\nif hasattr(cv2, 'imshow'):\n    pass\n",
        "import cv2\ngetattr(cv2, 'imread')('a')\n",
        "import cv2\ngetattr(cv2, f'COLOR_{name}')\n",
        "import cv2\nif False:\n    cv2.imshow('a', b)\n",
        "from cv2 import imread\n",
        "import cv2\nmodel.eval()\ndef eval(x): ...\n",
        "eval(text)\n",
        "def imshow(): ...\nimshow()\n",
    ],
)
def test_what_takes_none_of_the_names_is_not_told(app: str) -> None:
    assert told(app) == []


@pytest.mark.parametrize(
    "app",
    [
        "import cv2\nshow(cv2)\n",
        "import cv2\nlib = cv2\n",
        "import cv2\ngetattr(cv2, name)()\n",
        "import cv2\ngetattr(cv2, f'im{what}')()\n",
        "import cv2\ncv2.__dict__[name]()\n",
        "from cv2 import *\n",
        "import importlib\nlib = importlib.import_module('cv2')\n",
        "import cv2\neval(\"cv2.imshow\")('a', b)\n",
        "import cv2\nexec (text)\n",
    ],
)
def test_a_module_that_is_handed_on_may_be_used_in_any_way(app: str) -> None:
    (use,) = uses(app)

    assert (use.full_name, use.name) == ("cv2", "")


def test_a_use_in_a_function_is_as_certain_as_what_calls_it() -> None:
    text = "import cv2\ndef show():\n    cv2.imshow('a', b)\n"

    assert told(text) == ["cv2.imshow app.py:3 LAZY"]
    assert told(f"{text}show()\n") == ["cv2.imshow app.py:3 CERTAIN"]


@pytest.mark.parametrize(
    "app",
    [
        "from common import cv2\ncv2.imshow('a', b)\n",
        "import common\ncommon.cv2.imshow('a', b)\n",
        "from common import *\ncv2.imshow('a', b)\n",
    ],
)
def test_a_module_that_comes_through_another_module_is_followed(app: str) -> None:
    assert told(app, common="import cv2\n") == ["cv2.imshow app.py:2 CERTAIN"]


def test_installed_code_counts_as_far_as_it_is_seen_to_run() -> None:
    image = {
        "runs.py": "import cv2\ncv2.waitKey(1)\n",
        "may.py": "import cv2\ndef show(b):\n    cv2.imshow('a', b)\n",
        "never.py": "import cv2\ncv2.imshow('a', b)\n",
    }

    assert told("import runs, may\n", image) == [
        "cv2.imshow /usr/local/lib/python3.11/site-packages/may.py:3 LAZY",
        "cv2.waitKey /usr/local/lib/python3.11/site-packages/runs.py:2 CERTAIN",
    ]


def test_a_modules_own_text_is_no_use_of_it() -> None:
    image = {"cv2/gui.py": "import cv2\ndef show(b):\n    cv2.imshow('a', b)\n"}

    assert told("import cv2.gui\n", image) == []


def test_nothing_is_told_of_names_that_nobody_asked_for() -> None:
    found = examination({"app.py": "import cv2\ncv2.imshow('a', b)\n"}, CV2)

    assert found.services[0].watched == ()


def test_code_that_does_not_parse_is_looked_at_as_well() -> None:
    assert told("import cv2\ndef broken(:\n\ncv2.imshow('a', b)\n") == ["cv2.imshow app.py:4 CERTAIN"]


def test_a_compiled_module_of_own_code_may_use_any_name_of_what_it_imports() -> None:
    sources: dict[str, str | bytes] = {
        f"fast{TAG}": extension(c_strings("nothing")),
        "fast.py": "import cv2\n",
        "app.py": "import fast\n",
    }
    service = ServiceCode("svc", "app.py", (".",), (".",))

    found = examination(sources, CV2, services=(service,), watched=WATCHED)

    assert {use.full_name for use in found.services[0].watched} == {"cv2"}
