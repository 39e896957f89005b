"""Builds sides that are compared, and differences, out of packages that are written in one line."""

from collections.abc import Iterable
from typing import Any

from fleet_audit.audit.model.difference import (
    AdvisoryState,
    Aspect,
    ComparedSide,
    DiffReport,
    FindingState,
    NeedState,
)
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import Component, ToolUse
from fleet_audit.audit.pipeline.comparing.comparison import compared
from fleet_audit.audit.pipeline.comparing.side import Provided, Setting, Side, named

TOOLS = (ToolUse("fleet-audit", "0.1.0"), ToolUse("syft", "1.18.1"))


def package(purl: str, *licences: str, origin: str = "") -> Component:
    """Return what a package manager installed, by its canonical URL."""
    name = named(Purl(purl)).key.rpartition("/")[2]
    return Component(
        ref=purl,
        name=name,
        version=named(Purl(purl)).version,
        purl=Purl(purl),
        licenses=licences,
        origin=origin,
        found_by=("fleet-audit",),
    )


def bundled(name: str, version: str, within: str, abi: str = "") -> Component:
    """Return a library that another package carries along."""
    facts = (("abi-version", abi),) if abi else ()
    return Component(ref=f"{name}#{within}", name=name, version=version, bundled_in=within, properties=facts)


def side(
    *components: Component,
    name: str = "a",
    tools: Iterable[ToolUse] = TOOLS,
    gaps: tuple[Gap, ...] = (),
    **fields: Any,
) -> Side:
    """Return a side with these components, which tells every aspect unless `silent` says otherwise."""
    subject = ComparedSide(name, "image", tools=tuple(tools), gaps=gaps)
    return Side(subject, components=components, judged_by="deps", **fields)


def need(name: str, status: str = "resolved", tier: str = "required", *services: str) -> NeedState:
    """Return a soname that services need."""
    return NeedState("soname", name, tier, status, services)


def finding(fingerprint: str, severity: str = "error", *, waived: bool = False) -> FindingState:
    """Return a finding with this fingerprint."""
    return FindingState(
        fingerprint, "FA-NEED-001", severity, "so:libGL.so.1", "libGL is missing", "app.py:3", waived
    )


def advisory(name: str, severity: str = "high", *fixes: str, reach: str = "unreached") -> AdvisoryState:
    """Return an advisory on OpenSSL."""
    return AdvisoryState(name, "deb", "openssl", severity, ("3.0.14-1",), fixes, reach)


def diff_report() -> DiffReport:
    """Return a difference with something of everything in it."""
    before = side(
        package("pkg:deb/debian/openssl@3.0.15-1?arch=amd64", "OpenSSL", origin="base"),
        package("pkg:deb/debian/curl@8.1-1?arch=amd64", origin="base-utils"),
        package("pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64", "Zlib"),
        package("pkg:pypi/pillow@11.0.0", "HPND"),
        package("pkg:npm/left-pad@1.0.0"),
        bundled("libwebp", "1.4.0", "pkg:pypi/pillow@11.0.0"),
        name="family-vision",
        sonames={
            "libz.so.1": Provided(("/usr/lib/libz.so.1.2.13",), ("ZLIB_1.2.9",)),
            "libcurl.so.4": Provided(("/usr/lib/libcurl.so.4.8.0",)),
        },
        settings={
            "user": {"": Setting("0")},
            "environment": {"TOKEN": Setting("********", "one"), "LANG": Setting("C.UTF-8", "c")},
        },
        needs=(need("libz.so.1", "resolved", "required", "Faces"), need("libGL.so.1", "missing")),
        findings=(finding("1"), finding("2")),
        advisories=(advisory("CVE-2024-1", "low"), advisory("CVE-2024-2")),
        package_bytes={"pkg:deb/debian/curl": 400_000, "pkg:pypi/pillow": 20_000_000},
        totals={"layers as stored": 100_000_000},
        layers=(
            LayerSize(60_000_000, "base", "sha256:" + "1" * 64),
            LayerSize(40_000_000, "old", "sha256:2"),
        ),
    )
    after = side(
        package("pkg:deb/debian/openssl@3.0.14-1?arch=amd64", "OpenSSL", origin="base"),
        package("pkg:deb/debian/libxml2@2.9-1?arch=amd64", origin="family-vision"),
        package("pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64", "Zlib", "BSD"),
        package("pkg:pypi/pillow@11.1.0", "MIT-CMU"),
        package("pkg:npm/left-pad@2.0.0"),
        bundled("libwebp", "1.5.0", "pkg:pypi/pillow@11.1.0"),
        name="oci:a|b\x1b[31m@team",
        sonames={
            "libz.so.1": Provided(("/usr/lib/libz.so.1.3",), ("ZLIB_1.2.9", "ZLIB_1.2.12")),
            "libxml2.so.2": Provided(("/usr/lib/libxml2.so.2.9",)),
        },
        asked={"libcurl.so.4": ("/usr/bin/fetch",)},
        settings={
            "user": {"": Setting("10001")},
            "environment": {"TOKEN": Setting("********", "two"), "PATH": Setting("/bin", "p")},
        },
        needs=(need("libz.so.1", "missing", "required", "Faces"), need("libGL.so.1")),
        findings=(finding("2", waived=True), finding("3", "critical")),
        advisories=(
            advisory("CVE-2024-3", "critical", "3.0.15-1", reach="reached"),
            advisory("CVE-2024-2", "medium"),
        ),
        package_bytes={"pkg:pypi/pillow": 21_000_000, "pkg:deb/debian/libxml2": 2_000_000},
        totals={"layers as stored": 99_000_000},
        layers=(
            LayerSize(60_000_000, "base", "sha256:" + "1" * 64),
            LayerSize(39_000_000, "new", "sha256:3", 5),
        ),
        silent={Aspect.PROGRAMS: "an SBOM does not tell it"},
        gaps=(Gap("images", GapKind.UNREADABLE_LAYER, "sha256:ab", "is cut off"),),
        notes=("its needs are those of Faces",),
    )
    return compared(before, after)
