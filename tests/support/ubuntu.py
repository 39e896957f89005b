"""A small archive of Ubuntu's shape, and what an image says of it.

As the archive has it: four components in each of three pockets, Contents for a whole pocket instead of a
component, names by hash, and from 24.04 on packages that were renamed for 64 bits of time (``libasound2t64``
provides ``libasound2``).
"""

from collections.abc import Mapping

from fleet_audit.audit.model.identity import Distro
from tests.support.archives import SmallArchive, stanza
from tests.support.openpgp import SigningKey
from tests.support.worlds import LIBRARIES

KEY = SigningKey("ubuntu")
KEY_FILE = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
JAMMY = Distro(id="ubuntu", version="22.04", codename="jammy")
NOBLE = Distro(id="ubuntu", version="24.04", codename="noble")
_COMPONENTS = ("main", "restricted", "universe", "multiverse")


def os_release(release: Distro) -> dict[str, str]:
    """Return what an image of a release says that it is."""
    text = (
        f'PRETTY_NAME="Ubuntu {release.version} LTS"\nNAME="Ubuntu"\nVERSION_ID="{release.version}"\n'
        f"VERSION_CODENAME={release.codename}\nID=ubuntu\nID_LIKE=debian\n"
    )
    return {"etc/os-release": text}


def one_line_sources(address: str, release: Distro) -> dict[str, str]:
    """Return sources as images had them up to 22.04."""
    pockets = (release.codename, f"{release.codename}-updates", f"{release.codename}-security")
    lines = (f"deb {address} {pocket} {' '.join(_COMPONENTS)}\n" for pocket in pockets)
    return {"etc/apt/sources.list": "".join(lines)}


def deb822_sources(address: str, release: Distro) -> dict[str, str]:
    """Return sources as images have them from 24.04 on."""
    name = release.codename
    text = (
        f"Types: deb\nURIs: {address}/\nSuites: {name} {name}-updates {name}-backports\n"
        f"Components: {' '.join(_COMPONENTS)}\nSigned-By: /{KEY_FILE}\n\n"
        f"Types: deb\nURIs: {address}/\nSuites: {name}-security\n"
        f"Components: {' '.join(_COMPONENTS)}\nSigned-By: /{KEY_FILE}\n"
    )
    return {"etc/apt/sources.list.d/ubuntu.sources": text}


def jammy(address: str) -> SmallArchive:
    """Return an archive of 22.04: ``libasound2`` and ``libaio1`` still have their old names."""
    archive = SmallArchive(address)
    _pocket(
        archive,
        "jammy",
        [stanza("libc6", "2.35-0ubuntu3"), stanza("libasound2", "1.2.6.1-1ubuntu1", Depends="libc6")],
        universe=[stanza("libportaudio2", "19.6.0-1.1", Depends="libc6, libasound2 (>= 1.0.16)")],
        contents={
            f"{LIBRARIES}/libasound.so.2": "libs/libasound2",
            f"{LIBRARIES}/libportaudio.so.2": "universe/libs/libportaudio2",
        },
    )
    _pocket(archive, "jammy-updates", [])
    _pocket(archive, "jammy-security", [])
    return archive.with_names_by_hash()


def noble(address: str) -> SmallArchive:
    """Return an archive of 24.04: packages end in ``t64``, and one library's file as well.

    ``libasound2t64`` is newer in the updates, where it is still being phased in.
    """
    archive = SmallArchive(address)
    _pocket(
        archive,
        "noble",
        [
            stanza("libc6", "2.39-0ubuntu8"),
            _asound("1.2.11-1"),
            stanza("libaio1t64", "0.3.113-6", Depends="libc6", Provides="libaio1 (= 0.3.113-6)"),
        ],
        universe=[stanza("libportaudio2", "19.6.0-1.2", Depends="libc6, libasound2 (>= 1.0.16)")],
        multiverse=[stanza("nvidia-cuda", "12.0.1", Depends="libc6")],
        contents={
            f"{LIBRARIES}/libasound.so.2": "libs/libasound2t64",
            f"{LIBRARIES}/libaio.so.1t64": "libs/libaio1t64",
            f"{LIBRARIES}/libportaudio.so.2": "universe/libs/libportaudio2",
            "usr/bin/nvcc": "multiverse/devel/nvidia-cuda",
        },
    )
    phased = _asound("1.2.11-1ubuntu0.1", Phased_Update_Percentage="10")
    _pocket(archive, "noble-updates", [phased])
    _pocket(
        archive,
        "noble-backports",
        [_asound("1.2.13-1~bpo24.04.1")],
        NotAutomatic="yes",
        ButAutomaticUpgrades="yes",
    )
    _pocket(archive, "noble-security", [])
    return archive.with_names_by_hash()


def _asound(version: str, **fields: str) -> str:
    return stanza(
        "libasound2t64",
        version,
        kib=100,
        Depends="libc6",
        Provides=f"libasound2 (= {version})",
        Breaks="libasound2 (<< 1.2.11)",
        Replaces="libasound2",
        **fields,
    )


def _pocket(
    archive: SmallArchive,
    name: str,
    main: list[str],
    *,
    universe: list[str] | None = None,
    multiverse: list[str] | None = None,
    contents: Mapping[str, str] | None = None,
    **headers: str,
) -> None:
    archive.suite(
        name,
        *main,
        components={"restricted": [], "universe": universe or [], "multiverse": multiverse or []},
        contents=contents,
        release_name=name,
        headers={
            "Origin": "Ubuntu",
            "Suite": name,
            "Codename": name.partition("-")[0],
            "Architectures": "amd64 arm64 armhf i386 ppc64el riscv64 s390x",
            "Acquire-By-Hash": "yes",
            **headers,
        },
        has_contents_by_component=False,
        key=KEY,
    )
