"""Candidates as a Packages file lists them, so that apt itself can be asked to choose among them."""

from collections.abc import Iterable, Iterator

from fleet_audit.audit.apt.debian.packages import ArchivePackage

_QUOTED = {":": "%3a", "_": "%5f"}


def packages_file(packages: Iterable[ArchivePackage]) -> Iterator[bytes]:
    """Yield the stanzas of `packages`, with all that decides what apt chooses (deb-control(5))."""
    for package in packages:
        lines = (f"{name}: {text}" for name, text in _fields(package) if text)
        yield ("\n".join(lines) + "\n\n").encode()


def file_name(package: ArchivePackage) -> str:
    """Return the name under which apt keeps the package's file (pkgAcqArchive in apt-pkg/acquire-item.cc)."""
    parts = (package.name, package.version, package.architecture)
    return "_".join("".join(_QUOTED.get(sign, sign) for sign in part) for part in parts) + ".deb"


def _fields(package: ArchivePackage) -> Iterator[tuple[str, str]]:
    source, source_version = package.built_from
    yield "Package", package.name
    yield "Version", package.version
    yield "Architecture", package.architecture
    yield "Source", source if source_version == package.version else f"{source} ({source_version})"
    yield "Pre-Depends", package.pre_depends
    yield "Depends", package.depends
    yield "Provides", package.provides
    yield "Conflicts", package.conflicts
    yield "Breaks", package.breaks
    yield "Replaces", package.replaces
    yield "Multi-Arch", package.multi_arch
    yield "Essential", "yes" if package.is_essential else ""
    yield "Priority", package.priority
    # In KiB, rounded up (deb-substvars(5)).
    yield "Installed-Size", str(-(-package.installed_bytes // 1024))
    yield "Filename", f"pool/{file_name(package)}"
    yield "Size", str(package.download_bytes)
    yield "SHA256", package.sha256
