"""What a file of a repository is, by its name and place."""

import re
from enum import StrEnum
from functools import lru_cache


class FileRole(StrEnum):
    """What reads a file."""

    DOCKERFILE = "dockerfile"
    DOCKERFILE_TEMPLATE = "dockerfile-template"
    IGNORE = "dockerignore"
    COMPOSE = "compose"
    BAKE = "bake"
    WORKFLOW = "workflow"
    ACTION = "action"
    HELM = "helm"
    TEMPLATE = "template"
    YAML = "yaml"
    MAKE = "make"
    SHELL = "shell"
    REQUIREMENTS = "requirements"
    PIP_CONFIGURATION = "pip-configuration"
    APT_SOURCES = "apt-sources"


_TEMPLATE = r"(?:j2|jinja2?|tmpl|tpl|template|in|erb|mustache)"
_DOCKERFILE = (
    r"(?:(?:Dockerfile|Containerfile)(?:[.\-_][\w.+-]*)?|[\w.+-]+\.(?:[Dd]ockerfile|[Cc]ontainerfile))"
)
_REQUIREMENTS = "requirements|constraints"

_BY_NAME = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        (r".*\.dockerignore", FileRole.IGNORE),
        (rf"(?i:{_DOCKERFILE}\.{_TEMPLATE})", FileRole.DOCKERFILE_TEMPLATE),
        (
            r"(?:Dockerfile|Containerfile|dockerfile)[.\-_](?:.*\.)?(?:md|rst|txt|lock|bak|orig|py|sh|license)",
            None,
        ),
        (rf"{_DOCKERFILE}|dockerfile", FileRole.DOCKERFILE),
        (r"(?:docker-)?compose(?:[.\-_][\w.-]*)?\.ya?ml", FileRole.COMPOSE),
        (r"docker-bake(?:\.[\w-]+)*\.(?:hcl|json)|bake(?:[.\-_][\w-]+)*\.hcl", FileRole.BAKE),
        (r"action\.ya?ml", FileRole.ACTION),
        (r"[^/]*\.ya?ml", FileRole.YAML),
        (r"[^/]*\.(?:j2|jinja2?|tmpl|gotmpl|tpl|mustache|erb)", FileRole.TEMPLATE),
        (r"(?:GNU)?[Mm]akefile|[^/]*\.mk|[Jj]ustfile", FileRole.MAKE),
        (r"[^/]*\.(?:sh|bash)", FileRole.SHELL),
        (rf"(?:[\w.-]*[-_.])?(?:{_REQUIREMENTS})(?:[-_.][\w.-]*)?\.(?:txt|in)", FileRole.REQUIREMENTS),
        (r"pip\.(?:conf|ini)", FileRole.PIP_CONFIGURATION),
        (r"(?:[\w.-]+[-_.])?sources\.list|[^/]+\.sources", FileRole.APT_SOURCES),
    )
)
_WORKFLOW = re.compile(r"(?:.*/)?\.github/workflows/[^/]+\.ya?ml")

UNSEARCHED = frozenset(
    {
        *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__"),
        *("site-packages", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".terraform"),
    }
)
"""Folders of what tools put there: the files in them are nobody's claims about this fleet."""


def role_of(path: str) -> FileRole | None:
    """Return what reads the file at `path` (relative to the repository); None for all other files."""
    if path.endswith((".yml", ".yaml")) and _WORKFLOW.fullmatch(path):
        return FileRole.WORKFLOW
    return _role_by_name(path.rpartition("/")[2])


@lru_cache(maxsize=10_000)
def _role_by_name(name: str) -> FileRole | None:
    # A few names (__init__.py, index.js) are those of most files.
    return next((role for pattern, role in _BY_NAME if pattern.fullmatch(name)), None)


_FROM_OF_TEMPLATE = re.compile(
    r"^[ \t]*(?:FROM[ \t]+\S*(?:\{\{|\{%|<%)|\{%|<%)", re.IGNORECASE | re.MULTILINE
)


def is_template(text: str) -> bool:
    """Say whether a Dockerfile is yet to be made from a text: a FROM of it, or a whole line, is a template's.

    No reference to an image begins with ``{{``, ``{%`` or ``<%`` (Jinja, Go templates, ERB).
    """
    return _FROM_OF_TEMPLATE.search(text) is not None
