"""Writes a dpkg status as if packages of an archive were installed."""

from collections.abc import Iterable

from fleet_audit.audit.apt.debian.packages import ArchivePackage


def status_of(packages: Iterable[ArchivePackage]) -> str:
    """Return the text of /var/lib/dpkg/status in which exactly these packages are installed."""
    return "\n".join(_stanza(package) for package in packages)


def _stanza(package: ArchivePackage) -> str:
    source = package.source or package.name
    fields = {
        "Package": package.name,
        "Status": "install ok installed",
        "Maintainer": "Nobody <nobody@archive.example>",
        "Priority": package.priority or "optional",
        "Essential": "yes" if package.is_essential else "",
        "Installed-Size": str(package.installed_bytes // 1024),
        "Architecture": package.architecture,
        "Multi-Arch": package.multi_arch,
        "Source": f"{source} ({package.source_version})" if package.source_version else source,
        "Version": package.version,
        "Provides": package.provides,
        "Pre-Depends": package.pre_depends,
        "Depends": package.depends,
        "Breaks": package.breaks,
        "Conflicts": package.conflicts,
        # apt tells versions of equal number apart by a hash that takes this in (debListParser::VersionHash).
        "Replaces": package.replaces,
        "Description": f"the package {package.name}",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
