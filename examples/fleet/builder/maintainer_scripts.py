"""What the maintainer scripts of Debian's base packages leave behind, without running them.

Facts from the postinst of base-files, base-passwd, passwd, libc-bin, ca-certificates and tzdata (Debian 12).
Scripts of other packages run only as far as their alternatives go (`alternatives`).
"""

from collections.abc import Callable

from examples.fleet.builder.filesystem import LayerWriter, Owner

_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_MAIL, _UTMP, _SHADOW = Owner(gid=8), Owner(gid=43), Owner(gid=42)
_LAST_CHANGE = 20771
"""Days from 1970 to the image's date, as /etc/shadow counts."""


def link_folders(layer: LayerWriter) -> None:
    """Make the links that stand where the first packages bring folders.

    debootstrap makes those of the merged /usr; base-files replaces its folders below /var by itself.
    """
    for name in _MERGED:
        layer.folder(f"usr/{name}")
        layer.symlink(name, f"usr/{name}")
    layer.symlink("var/run", "/run")
    layer.symlink("var/lock", "/run/lock")


def configure(layer: LayerWriter) -> None:
    """Do what the scripts of the packages that are there would have done; nothing twice."""
    for package, step in _STEPS.items():
        if layer.files.get(f"var/lib/dpkg/info/{package}.list") is not None:
            step(layer)


def add_user(layer: LayerWriter, name: str, number: int) -> None:
    """Add a user with its own group and home, as groupadd and useradd do."""
    _append(layer, "etc/passwd", f"{name}:x:{number}:{number}::/home/{name}:/usr/sbin/nologin\n")
    _append(layer, "etc/group", f"{name}:x:{number}:\n")
    _append(layer, "etc/shadow", f"{name}:!:{_LAST_CHANGE}:0:99999:7:::\n", mode=0o640, owner=_SHADOW)
    _append(layer, "etc/gshadow", f"{name}:!::\n", mode=0o640, owner=_SHADOW)
    owner = Owner(number, number)
    layer.folder(f"home/{name}", owner=owner)
    for file in (".bash_logout", ".bashrc", ".profile"):
        if (body := layer.files.read(f"etc/skel/{file}")) != b"":
            layer.file(f"home/{name}/{file}", body, owner=owner)


def _base_files(layer: LayerWriter) -> None:
    for default, path in (
        ("dot.profile", "root/.profile"),
        ("dot.bashrc", "root/.bashrc"),
        ("profile", "etc/profile"),
        ("motd", "etc/motd"),
    ):
        _write_once(layer, path, layer.files.read(f"usr/share/base-files/{default}"))
    for folder in ("mnt", "srv", "opt", "etc/opt", "var/opt", "media"):
        layer.folder(folder)
    layer.folder("var/mail", mode=0o2775, owner=_MAIL)
    layer.folder("run/lock", mode=0o1777)
    layer.symlink("var/spool/mail", "../mail")
    layer.symlink("etc/dpkg/origins/default", "debian")
    for folder in ("share/man", "bin", "games", "lib", "include", "sbin", "src", "etc"):
        layer.folder(f"usr/local/{folder}")
    layer.symlink("usr/local/man", "share/man")
    for name, mode in (("wtmp", 0o664), ("btmp", 0o660), ("lastlog", 0o664)):
        _write_once(layer, f"var/log/{name}", b"", mode=mode, owner=_UTMP)


def _base_passwd(layer: LayerWriter) -> None:
    # The masters bar every login with "*"; "x" sends to /etc/shadow, which bars them there (shadowconfig on).
    for name in ("passwd", "group"):
        master = layer.files.read(f"usr/share/base-passwd/{name}.master")
        _write_once(layer, f"etc/{name}", master.replace(b":*:", b":x:", master.count(b"\n")))
    users = [line.partition(":")[0] for line in layer.files.read("etc/passwd").decode().split("\n") if line]
    groups = [line.partition(":")[0] for line in layer.files.read("etc/group").decode().split("\n") if line]
    shadow = "".join(f"{user}:*:{_LAST_CHANGE}:0:99999:7:::\n" for user in users)
    gshadow = "".join(f"{group}:*::\n" for group in groups)
    _write_once(layer, "etc/shadow", shadow.encode(), mode=0o640, owner=_SHADOW)
    _write_once(layer, "etc/gshadow", gshadow.encode(), mode=0o640, owner=_SHADOW)


def _libc_bin(layer: LayerWriter) -> None:
    _write_once(layer, "etc/nsswitch.conf", layer.files.read("usr/share/libc-bin/nsswitch.conf"))


def _tzdata(layer: LayerWriter) -> None:
    layer.symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    _write_once(layer, "etc/timezone", b"Etc/UTC\n")


def _ca_certificates(layer: LayerWriter) -> None:
    """Do what update-ca-certificates does, except for the links by subject hash, which need OpenSSL."""
    prefix = "usr/share/ca-certificates/"
    found = {
        path.removeprefix(prefix): node.body
        for path, node in layer.files.below(prefix)
        if path.endswith(".crt") and node.kind == "file"
    }
    for name in found:
        pem = name.rpartition("/")[2].removesuffix(".crt")
        layer.symlink(f"etc/ssl/certs/{pem}.pem", f"/{prefix}{name}")
    _write_once(layer, "etc/ca-certificates.conf", "".join(f"{name}\n" for name in found).encode())
    _write_once(layer, "etc/ssl/certs/ca-certificates.crt", b"".join(found.values()))


def _write_once(
    layer: LayerWriter, path: str, body: bytes, *, mode: int = 0o644, owner: Owner | None = None
) -> None:
    if layer.files.get(path) is None:
        layer.file(path, body, mode=mode, owner=owner or Owner())


def _append(
    layer: LayerWriter, path: str, line: str, *, mode: int = 0o644, owner: Owner | None = None
) -> None:
    layer.file(path, layer.files.read(path) + line.encode(), mode=mode, owner=owner or Owner())


_STEPS: dict[str, Callable[[LayerWriter], None]] = {
    "base-passwd": _base_passwd,
    "base-files": _base_files,
    "libc-bin": _libc_bin,
    "tzdata": _tzdata,
    "ca-certificates": _ca_certificates,
}
