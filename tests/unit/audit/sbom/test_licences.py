"""Which words for a licence are SPDX's."""

import pytest

from fleet_audit.audit.sbom.licences import is_expression, spdx_ids


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "GPL-2.0-only AND LGPL-2.1-or-later",
        "(MIT OR Apache-2.0) AND BSD-3-Clause",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "Apache-2.0+",
        "LicenseRef-own OR MIT",
    ],
)
def test_expressions_of_known_names_are_expressions(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GPL-2",
        "MIT AND",
        "AND MIT",
        "MIT Apache-2.0",
        "(MIT",
        "MIT)",
        "()",
        "MIT, BSD",
        "MIT AND " * 1000,
        "Copyright (c) 2005",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert not is_expression(text)


def test_the_list_is_that_of_spdx() -> None:
    assert {"MIT", "Zlib", "GPL-3.0-or-later"} <= spdx_ids()
    assert "GPL-2" not in spdx_ids()
