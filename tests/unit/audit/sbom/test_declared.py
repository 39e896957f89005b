"""What wheels say of themselves in their metadata (PEP 770)."""

from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.sbom.declared import MAX_DECLARED, DeclaredLibrary, SbomUnreadable, declared

WHEEL = Purl("pkg:pypi/pillow@13.0.0")


def document(*components: dict[str, Any], **fields: Any) -> bytes:
    return msgspec.json.encode(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components, **fields}
    )


def test_a_library_is_known_by_name_version_and_licence() -> None:
    body = document(
        {
            "type": "library",
            "name": "libwebp",
            "version": "1.6.0",
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
        }
    )

    assert declared(body, WHEEL) == (DeclaredLibrary("libwebp", "1.6.0", licenses=("BSD-3-Clause",)),)


def test_the_package_that_auditwheel_took_a_library_from_is_no_package_of_the_image() -> None:
    purl = "pkg:rpm/almalinux/libXau@1.0.9-3.el8"
    body = document({"name": "libXau", "version": "1.0.9-3.el8", "purl": purl, "bom-ref": f"{purl}#ab"})

    (library,) = declared(body, WHEEL)

    assert (library.purl, library.built_from) == (None, purl)


def test_a_crate_keeps_its_url() -> None:
    (library,) = declared(
        document({"name": "regex", "version": "1.13.1", "purl": "pkg:cargo/regex@1.13.1"}), WHEEL
    )

    assert library.purl == "pkg:cargo/regex@1.13.1"


@pytest.mark.parametrize(
    "component",
    [
        {"name": "Pillow", "version": "13.0.0", "purl": "pkg:pypi/Pillow@13.0.0?file_name=pillow.whl"},
        {"name": "PIL._webp", "purl": "pkg:pypi/pillow@13.0.0#c-ext/PIL._webp"},
        {"name": "autocfg", "version": "1.3.0", "purl": "pkg:cargo/autocfg@1.3.0", "scope": "excluded"},
    ],
)
def test_the_wheel_itself_and_what_only_built_it_are_left_out(component: dict[str, Any]) -> None:
    assert declared(document(component), WHEEL) == ()


def test_what_is_listed_twice_is_there_once() -> None:
    row = {"name": "libxcb", "version": "1.13-1.el7"}

    assert len(declared(document(row, row), WHEEL)) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "is no CycloneDX in JSON"),
        (b"\xff\xfe", "is no CycloneDX in JSON"),
        (b"[" * 5000, "is no CycloneDX in JSON"),
        (b'{"spdxVersion": "SPDX-2.3"}', "is no CycloneDX in JSON"),
        (b'{"bomFormat": "Other"}', "calls itself 'Other'"),
        (document(*({"name": "x"} for _ in range(MAX_DECLARED + 1))), f"more than {MAX_DECLARED}"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, why: str) -> None:
    with pytest.raises(SbomUnreadable, match=why):
        declared(body, WHEEL)
