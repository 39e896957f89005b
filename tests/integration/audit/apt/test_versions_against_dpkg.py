"""Our order of versions is dpkg's."""

import random
import shutil
import subprocess

import pytest

from fleet_audit.audit.apt.debian.versions import compare_versions
from tests.support.debian import index

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed"),
]

PAIRS = 150
ALPHABET = "0019aZ~+.-:"


def dpkg_says(left: str, right: str) -> int:
    for operator, order in (("lt", -1), ("eq", 0), ("gt", 1)):
        done = subprocess.run(  # noqa: S603  (an argument list; no shell takes part)
            ["dpkg", "--compare-versions", left, operator, right],  # noqa: S607  (dpkg is wherever PATH has it)
            check=False,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            return order
    raise AssertionError((left, right))


def test_invented_versions_are_ordered_as_by_dpkg() -> None:
    choose = random.Random(12)  # noqa: S311  (the same versions each time, not secrets)
    for _ in range(PAIRS):
        left, right = (f"1{''.join(choose.choices(ALPHABET[:-1], k=4))}-1" for _ in range(2))
        assert compare_versions(left, right) == dpkg_says(left, right), (left, right)


def test_versions_of_the_archive_are_ordered_as_by_dpkg() -> None:
    versions = [package.version for package in index().packages]
    choose = random.Random(12)  # noqa: S311  (the same versions each time, not secrets)
    for _ in range(PAIRS):
        left, right = choose.sample(versions, 2)
        assert compare_versions(left, right) == dpkg_says(left, right), (left, right)
