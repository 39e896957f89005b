"""Which files of an image scanners open: all that a smaller image has to hold for them to find the same.

Facts: the file patterns of the catalogers and binary classifiers of syft 1.18 (``syft cataloger list``; its
binary classifiers, with those that later versions brought), and the analyzers that trivy 0.68 runs on images.
Where a pattern is narrower than the rule here, a file too many is kept: one too few is a package missed.
"""

import re
import struct
from functools import lru_cache

from fleet_audit.audit.images.collector import BodyTooLarge, Member, MemberBody
from fleet_audit.audit.model.identity import ImagePath

MAX_SCANNED = 256 << 20
"""What is larger is read from its layer again when a scan asks for it."""

_SYSTEM = frozenset(
    {
        "/etc/alpine-release",
        "/etc/apk/arch",
        "/etc/arch-release",
        "/etc/centos-release",
        "/etc/debian_version",
        "/etc/fedora-release",
        "/etc/lsb-release",
        "/etc/oracle-release",
        "/etc/os-release",
        "/etc/passwd",
        "/etc/redhat-release",
        "/etc/rocky-release",
        "/etc/SuSE-release",
        "/etc/system-release",
        "/etc/system-release-cpe",
        "/bin/busybox",
        "/usr/lib/os-release",
    }
)
_PACKAGE_DATABASES = (
    "/lib/dpkg/",
    "/lib/apk/db/",
    "/lib/opkg/",
    "/lib/rpm/",
    "/lib/rpmmanifest/",
    "/lib/sysimage/rpm/",
    "/share/rpm/",
    "/lib/pacman/local/",
    "/var/db/pkg/",
    "/conda-meta/",
    "/root/buildinfo/",
    "/buildinfo/content_manifests/",
    "/.registry/",
    "/lib/modules/",
)
_METADATA = (".dist-info/", ".egg-info/", ".DIST-INFO/", ".EGG-INFO/", "/EGG-INFO/")
_SUFFIXES = (
    *(".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".lpkg", ".zip"),
    *(".tar", ".tar.gz", ".tgz", ".tar.bz", ".tar.bz2", ".tbz", ".tbz2", ".tar.br", ".tbr", ".tar.lz4"),
    *(".tlz4", ".tar.sz", ".tsz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.zstd", ".tzstd"),
    *(".egg", ".egg-info", ".egg-link", ".gemspec", ".rockspec", ".deps.json", ".dll", ".exe"),
    *(".spdx", ".spdx.json", ".cdx", ".cdx.json", ".cdx.xml", ".bom", ".sbom", ".syft.json"),
)
_METADATA_FILES = (
    *("METADATA", "PKG-INFO", "RECORD", "direct_url.json", "top_level.txt", "pyvenv.cfg"),
    *("package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "installed.json"),
    *("composer.lock", "Gemfile.lock", "DESCRIPTION", "conaninfo.txt", "conan.lock", "CONTENTS"),
    *("copyright", "release", "sbom", "bom", "bom.json", "pom.xml", "pom.properties"),
)
_PROGRAMS = (
    *("arangosh", "bash", "beam.smp", "busybox", "cabal", "chrome", "consul", "curl", "dart"),
    *("deno", "erlexec", "ffmpeg", "ffprobe", "fluent-bit", "gcc", "getopt", "go", "gofmt"),
    *("grafana", "gzip", "haproxy", "helm", "httpd", "java", "javac", "jcmd", "jdb", "jq"),
    *("kernel", "ldapsearch", "liberts_internal.a", "libjulia-internal.so", "lighttpd", "mariadb"),
    *("memcached", "mongod", "mysql", "nginx", "node", "openssl", "perl", "postgres", "proftpd"),
    *("redis-server", "ruby", "sqlcipher", "sqlite3", "stack", "swipl", "traefik", "valkey-server"),
    *("vault", "vim", "vmlinux", "vmlinuz", "wp", "xtrabackup", "xz", "zstd"),
)
"""Programs and libraries whose version a classifier reads."""

_NAMES = frozenset((*_METADATA_FILES, *_PROGRAMS))
_BEGINNINGS = re.compile(
    r"(?:python|pypy|php|composer|ghc|VERSION|kernel-|vmlinu[xz]-|LICEN[CS]E|COPYING|NOTICE|httpd|mongo|"
    r"lib(?:python|pypy|php|ruby|std-|jvm)[^/]*\.so)"
)
_LATER = re.compile(
    r"lib(?:av(?:codec|device|filter|format|resample|util)|sw(?:resample|scale)|postproc|Qt[^/]*Core)"
    r"[^/]*\.so"
)
"""Large libraries whose versions syft reads since releases after 1.18."""

_TEXT = (".py", ".pyc", ".pyi", ".pyo", ".h", ".html", ".rst", ".gz", ".js", ".php", ".map")
_PLUGIN = "/wp-content/plugins/"
_LICENCES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
_WITH_LICENCES = ("/go/pkg/mod/", "/node_modules/", "/usr/share/licenses/", "/vendor/bundle/", "/gems/")


def is_scanned(path: ImagePath) -> bool:
    """Say by its path whether a scanner opens this file."""
    name = path[path.rfind("/") + 1 :]
    if name in _NAMES or name.endswith(_SUFFIXES) or path in _SYSTEM:
        return True
    if _is_all_scanned(path[: -len(name)]):
        return True
    if _PLUGIN in path and name.endswith(".php"):
        return True
    return _BEGINNINGS.match(name) is not None and _begins_well(path, name)


@lru_cache(maxsize=1024)
def _is_all_scanned(folder: str) -> bool:
    """Say by its path, with a slash at its end, whether every file of a folder is opened."""
    return any(part in folder for part in (*_PACKAGE_DATABASES, *_METADATA))


def is_scanned_by_later_syft(path: ImagePath) -> bool:
    """Say by its path whether a syft after 1.18 opens this file; those that only it opens are not kept."""
    return is_scanned(path) or _LATER.match(path, path.rfind("/") + 1) is not None


def _begins_well(path: ImagePath, name: str) -> bool:
    if name.startswith(_LICENCES):
        return any(part in path for part in _WITH_LICENCES)
    return not name.endswith(_TEXT)


_ELF = b"\x7fELF"
_GO = b"\xff Go buildinf:"
_GO_WINDOW = 64 << 10
_SECTIONS = (b".go.buildinfo\0", b".dep-v0\0", b".note.package\0", b".svm_heap\0")
_MAX_HEADERS = 4096
_MAX_NAMES = 1 << 20
_WRITABLE_AND_NOT_RUN = 2
_LOAD = 1


def holds_build_record(member: Member, body: MemberBody) -> bool:
    """Say whether an ELF file carries word of what it was built from.

    That is Go's build information (package debug/buildinfo: a section, or the first 64 KiB of the first
    writable segment), cargo-auditable's section, a package note (systemd's "ELF Package Metadata"), or a
    GraalVM native image's heap. Never raises for what a file contains; a file over `MAX_SCANNED` bytes is not
    looked into.
    """
    if member.size > MAX_SCANNED or member.size < _SMALLEST or body.part(0, 4) != _ELF:
        return False
    try:
        form = _Form(body.part(0, 64))
        return _has_section(form, body) or _has_go_record(form, body)
    except (struct.error, BodyTooLarge, ValueError):
        return False


_SMALLEST = 256


class _Form:
    """The fields of an ELF header that lead to its tables (System V ABI, "ELF Header")."""

    def __init__(self, header: bytes) -> None:
        self.order = ">" if header[5] == 2 else "<"
        self.is_64 = header[4] == 2
        at, fields = (32, "QQIHHHHHH") if self.is_64 else (28, "IIIHHHHHH")
        self.programs, self.sections, _, _, *shape = struct.unpack_from(self.order + fields, header, at)
        self.program_size, self.program_count, self.section_size, self.section_count, self.names = shape


def _has_section(form: _Form, body: MemberBody) -> bool:
    size, count = form.section_size, form.section_count
    if not form.sections or form.names >= count or count > _MAX_HEADERS or size not in (40, 64):
        return False
    table = body.part(form.sections + form.names * size, size)
    place = struct.unpack_from(form.order + ("QQ" if form.is_64 else "II"), table, 24 if form.is_64 else 16)
    if place[1] > _MAX_NAMES:
        return False
    names = body.part(place[0], place[1])
    return any(section in names for section in _SECTIONS)


def _has_go_record(form: _Form, body: MemberBody) -> bool:
    size, count = form.program_size, form.program_count
    if count > _MAX_HEADERS or size not in (32, 56):
        return False
    table = body.part(form.programs, size * count)
    for at in range(0, size * count, size):
        kind, flags, offset = _segment(form, table, at)
        if kind == _LOAD and flags & 3 == _WRITABLE_AND_NOT_RUN:
            return _GO in body.part(offset, _GO_WINDOW)
    return False


def _segment(form: _Form, table: bytes, at: int) -> tuple[int, int, int]:
    if form.is_64:
        kind, flags, offset = struct.unpack_from(form.order + "IIQ", table, at)
    else:
        kind, offset, flags = struct.unpack_from(form.order + "II16xI", table, at)
    return kind, flags, offset
