"""What a framework imports because a service's settings name it."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.knowledge.base import load_knowledge, packaged_knowledge
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import Level, SettingsModule, SettingUse
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import TAG, examination, python_image
from tests.support.trees import tree

ROW = SettingsModule(
    row="frame-settings",
    variable="FRAME_SETTINGS",
    calls={"frame.setup": ("APPS",), "frame.web.application": ("APPS", "FILTERS", "STORE")},
    uses=(
        SettingUse("APPS", submodules=("models", "apps")),
        SettingUse("APPS", submodules=("panel",), needs="frame.panel"),
        SettingUse("FILTERS"),
        SettingUse("STORES", key="ENGINE", submodules=("base",)),
        SettingUse("STORE", needs="frame.filters.Session", default="frame.store"),
    ),
    method_of="apps",
    method="ready",
)
IMAGE: Mapping[str, str | bytes] = {
    "frame/__init__.py": "from .setting_up import setup\n",
    "frame/setting_up.py": "def setup(): ...\n",
    "frame/web.py": "def application(): ...\n",
    "frame/panel.py": "",
    "frame/filters.py": "import fast_filters\n",
    "frame/store.py": "import fast_store\n",
    "shop/__init__.py": "import fast_shop\n",
    "shop/models.py": "import fast_models\n",
    "shop/panel.py": "import fast_panel\n",
    "shop/apps.py": (
        "class ShopConfig:\n    def ready(self):\n        import fast_ready\n"
        "    def other(self):\n        import fast_other\n"
    ),
    "stores/__init__.py": "",
    "stores/sql/__init__.py": "",
    "stores/sql/base.py": "import fast_sql\n",
    **{
        f"fast_{name}{TAG}": b""
        for name in ("filters", "store", "shop", "models", "panel", "ready", "other", "sql")
    },
}
SHOP = {"shop", "models", "ready"}
SETTING_UP = "import os, frame\nos.environ.setdefault('FRAME_SETTINGS', 'conf')\nframe.setup()\n"
SERVING = (
    "import os\nfrom frame.web import application\nos.environ['FRAME_SETTINGS'] = 'conf'\napplication()\n"
)


def levels(app: str, conf: str, **others: str) -> dict[str, Level]:
    """Return the levels of extension modules, by what their names say behind ``fast_``."""
    sources = {"app.py": app, "conf.py": conf, **{f"{name}.py": text for name, text in others.items()}}
    found = examination(sources, IMAGE, computed=[ROW])
    return {e.module.removeprefix("fast_"): e.level for e in found.services[0].extension_modules}


def certain(app: str, conf: str, **others: str) -> set[str]:
    return {name for name, level in levels(app, conf, **others).items() if level is Level.CERTAIN}


@pytest.mark.parametrize(
    "conf",
    [
        "APPS = ['shop']\n",
        "APPS: list[str] = (\n    'shop',  # a shop\n)\n",
        "OURS = ('shop',)\nTHEIRS = []\nAPPS = OURS + THEIRS\n",
        "APPS = []\nAPPS += ['shop']\n",
        "APPS = []\nAPPS.append('shop')\n",
        "APPS = ['shop.apps.ShopConfig']\n",
        "import os\nif os.name == 'posix':\n    APPS = ['shop']\n",
    ],
)
def test_what_a_setting_lists_is_imported_with_its_submodules_and_made_ready(conf: str) -> None:
    assert certain(SETTING_UP, conf) == SHOP


@pytest.mark.parametrize(
    "conf",
    [
        "APPS = []\n",
        "OTHERS = ['shop']\n",
        "def f():\n    APPS = ['shop']\n",
        "class C:\n    APPS = ['shop']\n",
        "# APPS = ['shop']\n",
        "APPS = ['another shop']\n",
    ],
)
def test_what_no_setting_of_that_name_lists_is_not_imported(conf: str) -> None:
    assert levels(SETTING_UP, conf) == {}


def test_settings_that_another_module_makes_count_where_all_its_names_are_taken() -> None:
    base = "APPS = ['shop']\n"

    assert certain(SETTING_UP, "from base import *\n", base=base) == SHOP
    assert certain(SETTING_UP, "from base import *\nAPPS += ['frame.panel']\n", base=base) == SHOP
    assert certain(SETTING_UP, "from base import *\nAPPS = ['frame.panel']\n", base=base) == set()
    assert certain(SETTING_UP, "import base\n", base=base) == set()


def test_a_setting_is_used_for_certain_by_the_calls_that_use_it() -> None:
    conf = "FILTERS = ['frame.filters.Session']\n"

    assert levels(SERVING, conf) == {"filters": Level.CERTAIN, "store": Level.CERTAIN}
    assert levels(SETTING_UP, conf) == {"filters": Level.PROBABLE, "store": Level.PROBABLE}


def test_a_default_counts_where_what_needs_it_is_named_and_nothing_else_is_set() -> None:
    assert certain(SERVING, "FILTERS = ['frame.filters.Other']\n") == {"filters"}
    assert certain(SERVING, "FILTERS = ['frame.filters.Session']\nSTORE = 'shop.models'\n") == {
        "filters",
        "shop",
        "models",
    }


def test_a_submodule_may_need_another_application() -> None:
    assert certain(SETTING_UP, "APPS = ['shop', 'frame.panel']\n") == {*SHOP, "panel"}


def test_only_texts_behind_the_key_are_modules() -> None:
    conf = "STORES = {'default': {'ENGINE': 'stores.sql', 'NAME': 'shop', 'OPTIONS': {'x': 'shop'}}}\n"

    assert levels(SETTING_UP, conf) == {"sql": Level.PROBABLE}


def test_without_a_call_that_reads_the_settings_all_is_probable() -> None:
    app = "import os\nos.environ.setdefault('FRAME_SETTINGS', 'conf')\n"

    assert levels(app, "APPS = ['shop.models']\n") == {"shop": Level.PROBABLE, "models": Level.PROBABLE}
    assert levels(app.replace("FRAME", "OTHER"), "APPS = ['shop']\n") == {}
    assert levels("import frame\nframe.setup()\n", "APPS = ['shop']\n") == {}


def test_a_function_of_another_own_module_that_is_called_reads_the_settings() -> None:
    other = "".join(f"    {line}\n" for line in SETTING_UP.splitlines())

    assert (
        certain("import other\nother.begin()\n", "APPS = ['shop']\n", other=f"def begin():\n{other}") == SHOP
    )


def in_image(app: str, value: str = "conf") -> set[str]:
    """Return what is certain in an image that sets the variable, beside settings for two places."""
    sources = {"app.py": app, "conf.py": "APPS = ['shop']\n", "dev.py": "APPS = ['stores.sql.base']\n"}
    image = python_image(IMAGE)
    config = ImageConfig(env={"FRAME_SETTINGS": value})
    service = ServiceCode("svc", "app.py", ("app.py",))
    found = examine(
        [service], tree(sources), image, find_interpreter(image, config), records=None, computed_imports=[ROW]
    )
    modules = found.services[0].extension_modules
    return {e.module.removeprefix("fast_") for e in modules if e.level is Level.CERTAIN}


def test_the_variable_that_the_image_sets_counts_where_code_sets_none_or_a_default() -> None:
    assert in_image("import frame\nframe.setup()\n") == SHOP
    assert in_image(SETTING_UP.replace("'conf'", "'dev'")) == SHOP
    assert in_image("import os, frame\nos.environ['FRAME_SETTINGS'] = 'dev'\nframe.setup()\n") == {"sql"}
    assert in_image(SETTING_UP, value="") == SHOP
    assert in_image("import frame\nframe.setup()\n", value="no module!") == set()
    assert in_image("import frame\n") == set()


def test_in_a_function_that_nobody_is_seen_to_call_all_is_lazy() -> None:
    app = "".join(f"    {line}\n" for line in SETTING_UP.splitlines())

    assert set(levels(f"def main():\n{app}", "APPS = ['shop']\n").values()) == {Level.LAZY}
    assert (
        certain(f"def main():\n{app}\nif __name__ == '__main__':\n    main()\n", "APPS = ['shop']\n") == SHOP
    )


def test_a_name_that_leads_nowhere_is_missing_at_the_line_of_the_setting() -> None:
    found = examination(
        {"app.py": SETTING_UP, "conf.py": "APPS = [\n    'shop',\n    'gone_app',\n]\n"},
        IMAGE,
        computed=[ROW],
    )

    (missing,) = found.services[0].missing
    assert (missing.module, missing.level, [str(at) for at in missing.locations]) == (
        "gone_app",
        Level.CERTAIN,
        ["conf.py:3"],
    )


def test_a_settings_module_that_is_not_there_is_missing() -> None:
    found = examination({"app.py": SETTING_UP}, IMAGE, computed=[ROW])

    assert [(m.module, m.level) for m in found.services[0].missing] == [("conf", Level.CERTAIN)]


def test_the_evidence_shows_each_step() -> None:
    found = examination({"app.py": SETTING_UP, "conf.py": "APPS = ['shop']\n"}, IMAGE, computed=[ROW])

    steps = [(str(e.source), e.how, str(e.target), str(e.location)) for e in found.edges]
    assert ("module:app", "imports (named in FRAME_SETTINGS)", "module:conf", "app.py:2") in steps
    assert ("module:app", "uses the setting", "function:conf.APPS", "app.py:2") in steps
    assert ("function:conf.APPS", "imports (named in APPS)", "module:shop", "conf.py:1") in steps


@pytest.mark.parametrize(
    "conf",
    [
        "APPS = [" + "'a.b', " * 9000 + "]\n",
        "APPS = [[" * 400,
        "APPS = A\nA = APPS\n",
        "from conf import *\n",
    ],
)
def test_settings_of_any_size_or_shape_come_to_an_end(conf: str) -> None:
    assert certain(SETTING_UP, conf) == set()


DJANGO: Mapping[str, str | bytes] = {
    "django/__init__.py": "def setup(): ...\n",
    "django/core/__init__.py": "",
    "django/core/wsgi.py": "def get_wsgi_application(): ...\n",
    "django/contrib/__init__.py": "",
    "django/contrib/auth/__init__.py": "",
    "django/contrib/auth/hashers.py": "",
    "django/db/backends/sqlite3/base.py": "",
    "django/template/backends/django.py": "",
    "django/middleware/security.py": "",
    "lib/handlers.py": "",
}
FULL = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "django-insecure-x"
ALLOWED_HOSTS = ["example", "api.example"]
INSTALLED_APPS = ["django.contrib.auth", "shop"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": ["templates", BASE_DIR / "pages"],
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["shop.context.basket"], "string_if_invalid": "nothing"},
}]
WSGI_APPLICATION = "conf.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop", "USER": "shop.user"}}
LANGUAGE_CODE = "en"
LOGGING = {
    "version": 1,
    "formatters": {"plain": {"format": "x", "style": "percent"}},
    "handlers": {"out": {"class": "lib.handlers.Out", "level": "INFO", "formatter": "plain"}},
    "loggers": {"django.request": {"handlers": ["out"], "level": "ERROR"}},
}
"""


def test_what_settings_of_django_say_besides_modules_is_no_module() -> None:
    known = load_knowledge([packaged_knowledge()]).computed_imports
    app = (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf')\napplication = get_wsgi_application()\n"
    )
    sources = {
        "app.py": app,
        "conf.py": FULL,
        "shop/__init__.py": "",
        "shop/urls.py": "",
        "shop/context.py": "",
    }

    found = examination(sources, DJANGO, computed=known)

    targets = {edge.target.name for edge in found.edges if edge.how.startswith("imports (named")}
    uses = {edge.target.name: edge.level for edge in found.edges if edge.how == "uses the setting"}
    assert found.services[0].missing == ()
    assert targets == {
        "conf",
        "django.contrib.auth",
        "django.db.backends.sqlite3",
        "django.db.backends.sqlite3.base",
        "django.middleware.security",
        "django.template.backends.django",
        "lib.handlers",
        "shop",
        "shop.context",
        "shop.urls",
    }
    assert uses == {
        "conf.DATABASES": Level.CERTAIN,
        "conf.INSTALLED_APPS": Level.CERTAIN,
        "conf.LOGGING": Level.CERTAIN,
        "conf.MIDDLEWARE": Level.CERTAIN,
        "conf.ROOT_URLCONF": Level.PROBABLE,
        "conf.SESSION_ENGINE": Level.CERTAIN,
        "conf.TEMPLATES": Level.PROBABLE,
    }
