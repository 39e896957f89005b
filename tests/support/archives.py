"""Builds small package archives in memory, and serves them to a Fetcher."""

import gzip
import hashlib
import lzma
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from fleet_audit.audit.apt.debian.packages import ArchivePackage, PackageTable, candidates, parse_packages
from fleet_audit.audit.tools.fetch import NotFound
from tests.support.openpgp import SigningKey

BASE = "http://archive.example/debian"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def stanza(name: str, version: str = "1.0", *, kib: int = 100, **fields: str) -> str:
    """Return the stanza of one package; `fields` are named as ``Pre_Depends`` for ``Pre-Depends``."""
    given = {
        "Package": name,
        "Version": version,
        "Architecture": "amd64",
        "Installed-Size": str(kib),
        "Size": str(kib * 300),
        "Filename": f"pool/{name}_{version}.deb",
        "SHA256": hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        **{field.replace("_", "-"): value for field, value in fields.items()},
    }
    return "".join(f"{field}: {value}\n" for field, value in given.items())


def offered(*stanzas: str) -> PackageTable:
    """Return the table of an archive that offers these packages."""
    return PackageTable(candidates(packages(*stanzas)))


def packages(*stanzas: str) -> list[ArchivePackage]:
    """Return the packages that these stanzas describe."""
    return list(parse_packages(["\n".join(stanzas).encode()]))


class SmallArchive:
    """The files of an archive by address; each is a test's to damage."""

    def __init__(self, base: str = BASE) -> None:
        """Hold no suite yet."""
        self.base = base
        self.files: dict[str, bytes] = {}

    def suite(
        self,
        name: str,
        *stanzas: str,
        contents: Mapping[str, str] | None = None,
        contents_all: Mapping[str, str] | None = None,
        date: str = "Sat, 11 Jul 2026 10:16:37 UTC",
        release_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        has_contents_by_component: bool = True,
        components: Mapping[str, Sequence[str]] | None = None,
        architectures: Sequence[str] = ("amd64",),
        key: SigningKey | None = None,
    ) -> "SmallArchive":
        """Add a suite with one component, ``main``; `components` hold the stanzas of others.

        Each of its architectures has the same packages and contents.
        """
        by_component = {"main": stanzas, **(components or {})}
        folder = "main/" if has_contents_by_component else ""
        raw = {
            **{
                f"{component}/binary-{architecture}/Packages": ("\n".join(each).encode(), ".xz")
                for component, each in by_component.items()
                for architecture in architectures
            },
            **{
                f"{folder}Contents-{architecture}": (_contents(contents or {}), ".gz")
                for architecture in architectures
            },
            f"{folder}Contents-all": (_contents(contents_all or {}), ".gz"),
        }
        sums: dict[str, bytes] = {}
        for path, (body, suffix) in raw.items():
            sums[path] = body
            sums[path + suffix] = _compressed(body, suffix)
            self.files[f"{self.base}/dists/{name}/{path}{suffix}"] = sums[path + suffix]
        fields = {
            "Origin": "Debian",
            "Suite": release_name or name,
            "Codename": release_name or name,
            "Date": date,
            "Architectures": " ".join(("all", *architectures)),
            "No-Support-for-Architecture-all": "Packages",
            "Components": " ".join(by_component),
            **(headers or {}),
        }
        self.release(name, fields, sums, key=key)
        return self

    def release(
        self,
        name: str,
        fields: Mapping[str, str],
        files: Mapping[str, bytes],
        *,
        key: SigningKey | None = None,
    ) -> None:
        """Write the InRelease of a suite that promises these files, signed where there is a key."""
        lines = [f"{field}: {value}" for field, value in fields.items()]
        lines += ["SHA256:", *(f" {hashlib.sha256(b).hexdigest()} {len(b)} {p}" for p, b in files.items())]
        text = "\n".join(lines) + "\n"
        signed = text.encode() if key is None else key.clear_signed(text)
        self.files[f"{self.base}/dists/{name}/InRelease"] = signed

    def with_names_by_hash(self) -> "SmallArchive":
        """Add every index file under the name that its digest gives it as well."""
        for url, body in list(self.files.items()):
            folder, _, file = url.rpartition("/")
            if file != "InRelease":
                self.files[f"{folder}/by-hash/SHA256/{hashlib.sha256(body).hexdigest()}"] = body
        return self

    def stream(self, url: str, *, deadline: float) -> Iterator[bytes]:
        """Serve the files, as a `Transport` does."""
        del deadline
        if url not in self.files:
            raise NotFound(url, "the server does not have it (HTTP 404)")
        yield self.files[url]


def clear_signed(text: str) -> bytes:
    """Return `text` within a clear signature that proves nothing."""
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        f"{text}-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
    ).encode()


@lru_cache(maxsize=64)
def _compressed(body: bytes, suffix: str) -> bytes:
    """Return a list as archives store it; most tests store the same few."""
    return lzma.compress(body) if suffix == ".xz" else gzip.compress(body, mtime=0)


def _contents(files: Mapping[str, str]) -> bytes:
    return "".join(f"{path:<60} {place}\n" for path, place in sorted(files.items())).encode()
