"""What is written for apt to choose among says all that decides its choice."""

from fleet_audit.audit.apt.debian.listing import file_name, packages_file
from fleet_audit.audit.apt.debian.packages import ArchivePackage, parse_packages
from fleet_audit.audit.model.identity import PackageName

FULL = ArchivePackage(
    name=PackageName("libgl1"),
    version="1:1.6.0-1+b1",
    architecture="amd64",
    source="libglvnd",
    source_version="1:1.6.0-1",
    pre_depends="dpkg (>= 1.17)",
    depends="libc6 (>= 2.34), libglx0 | libglx",
    provides="libgl (= 1)",
    conflicts="libgl1-old",
    breaks="libgl0 (<< 1)",
    replaces="libgl0",
    installed_bytes=300 * 1024,
    download_bytes=12345,
    multi_arch="same",
    is_essential=True,
    priority="optional",
    filename="pool/libgl1_1%3a1.6.0-1+b1_amd64.deb",
    sha256="ab" * 32,
)
PLAIN = ArchivePackage(name=PackageName("a"), version="1", architecture="all", filename="pool/a_1_all.deb")


def test_what_is_written_is_read_back_as_it_was() -> None:
    assert list(parse_packages(packages_file([FULL, PLAIN]))) == [FULL, PLAIN]


def test_a_file_is_called_as_apt_calls_it() -> None:
    assert file_name(FULL) == "libgl1_1%3a1.6.0-1+b1_amd64.deb"
    assert file_name(PLAIN) == "a_1_all.deb"
