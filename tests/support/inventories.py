"""Builds inventories that hold a little of everything."""

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, Digest, ImagePath, Purl
from fleet_audit.audit.model.inventory import (
    Component,
    ImportedBy,
    Inventory,
    Link,
    SbomReport,
    Sighting,
    ToolUse,
)
from fleet_audit.audit.model.location import SourceLocation

BASE = DiffID("sha256:" + "1" * 64)
OWN = DiffID("sha256:" + "2" * 64)
ZLIB = Purl("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64")
LIBC = Purl("pkg:deb/debian/libc6@2.36-9?arch=amd64")
PILLOW = Purl("pkg:pypi/pillow@11.0.0")
WEBP = "libwebp#/usr/lib/python3/dist-packages/pillow.libs/libwebp-51b0b3f7.so.7.2.0"
SERVICE = "service:Faces"


def debian(purl: Purl, name: str, version: str, source: str = "") -> Component:
    """Return a Debian package of the base image."""
    return Component(
        ref=purl,
        name=name,
        version=version,
        purl=purl,
        source_name=source,
        architecture="amd64",
        licenses=("Zlib", "MIT OR Apache-2.0") if source else ("GPL-2.0-only AND LGPL-2.1-or-later",),
        supplier="Debian <maintainers@archive.example>",
        origin="base",
        layer=BASE,
        sightings=(Sighting(ImagePath("/var/lib/dpkg/status"), "package-database", BASE),),
        found_by=("fleet-audit", "syft"),
        cpes=("cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*",) if source else (),
    )


def components() -> tuple[Component, ...]:
    """Return two Debian packages, a wheel, the library in it, a service, and the operating system."""
    info = ImagePath("/usr/lib/python3/dist-packages/pillow-11.0.0.dist-info/METADATA")
    return (
        Component(
            ref=WEBP,
            name="libwebp",
            origin="family-vision",
            layer=OWN,
            sightings=(Sighting(ImagePath(WEBP.partition("#")[2]), "elf", OWN),),
            bundled_in=PILLOW,
            found_by=("fleet-audit",),
            hashes={"sha256": "51b0b3f7" * 8},
            properties=(("abi-version", "7.2.0"), ("soname", "libwebp-51b0b3f7.so.7.2.0")),
        ),
        Component(
            ref="os:debian@12",
            name="debian",
            version="12",
            kind="operating-system",
            origin="base",
            layer=BASE,
        ),
        debian(LIBC, "libc6", "2.36-9"),
        debian(ZLIB, "zlib1g", "1:1.2.13.dfsg-1", "zlib"),
        Component(
            ref=PILLOW,
            name="pillow",
            version="11.0.0",
            purl=PILLOW,
            licenses=("The licence of Pillow\n\nBy obtaining, using, and/or copying",),
            origin="family-vision",
            layer=OWN,
            sightings=(Sighting(info, "metadata", OWN),),
            found_by=("fleet-audit", "syft"),
        ),
        Component(ref=SERVICE, name="Faces", kind="application", origin="Faces", found_by=("fleet-audit",)),
    )


def inventory(*, gaps: tuple[Gap, ...] = ()) -> Inventory:
    """Return those components with every way in which one hangs on another."""
    needs = "/usr/lib/python3/dist-packages/PIL/_imaging.so needs libz.so.1: /usr/lib/libz.so.1"
    line = SourceLocation("services/faces/app.py", 7)
    return Inventory(
        subject=Component(
            ref="image:family-vision@sha256:ab",
            name="family-vision",
            version="sha256:ab",
            kind="container",
            architecture="amd64",
            properties=(
                ("distribution", "Debian GNU/Linux 12 (bookworm)"),
                ("family", "family-vision"),
                ("image-platform", "linux/amd64"),
            ),
        ),
        components=components(),
        links=(
            Link(PILLOW, WEBP, "bundles", (WEBP.partition("#")[2],)),
            Link(PILLOW, ZLIB, "needs", (needs,)),
            Link(ZLIB, LIBC, "depends", ("Depends: libc6 (>= 2.14)",)),
            Link(SERVICE, PILLOW, "imports", (str(line),)),
        ),
        imported=(ImportedBy("Faces", PILLOW, line),),
        package_set=Digest("sha256:" + "9" * 64),
        tools=(ToolUse("syft", "1.18.1"),),
        gaps=gaps,
    )


def sbom_report() -> SbomReport:
    """Return the report on that inventory, with something that could not be examined."""
    gap = Gap("sbom", GapKind.TOOL_FAILED, "syft", "it was not found")
    return SbomReport(
        subject="family-vision",
        gaps=(gap,),
        inventory=inventory(gaps=(gap,)),
        created="2026-11-14T00:00:00Z",
    )
