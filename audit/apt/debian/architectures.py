"""What Debian calls an image's architecture, and where libraries for it are found."""

from fleet_audit.audit.model.identity import Platform

_DEBIAN = {
    ("amd64", ""): "amd64",
    ("arm64", ""): "arm64",
    ("arm", "v7"): "armhf",
    ("arm", "v6"): "armel",
    ("386", ""): "i386",
    ("ppc64le", ""): "ppc64el",
    ("s390x", ""): "s390x",
    ("riscv64", ""): "riscv64",
    ("loong64", ""): "loong64",
    ("mips64le", ""): "mips64el",
}

_TRIPLET = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "armhf": "arm-linux-gnueabihf",
    "armel": "arm-linux-gnueabi",
    "i386": "i386-linux-gnu",
    "ppc64el": "powerpc64le-linux-gnu",
    "s390x": "s390x-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "loong64": "loongarch64-linux-gnu",
    "mips64el": "mips64el-linux-gnuabi64",
}


def debian_architecture(platform: Platform) -> str | None:
    """Return dpkg's name of an OCI platform (dpkg-architecture(1)); None where Debian has none."""
    exact = _DEBIAN.get((platform.architecture, platform.variant))
    return exact or _DEBIAN.get((platform.architecture, ""))


def triplet(architecture: str) -> str | None:
    """Return the multiarch triplet of a Debian architecture; None for one that is not known here."""
    return _TRIPLET.get(architecture)
