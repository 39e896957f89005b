"""Packages that serve something else without being named by it."""

from fleet_audit.audit.apt.surplus.companions import Surroundings, companions
from fleet_audit.audit.model.identity import PackageName

NAMES = [PackageName(name) for name in ("ca-certificates", "fonts-dejavu", "locales", "tzdata", "jq")]


def kept(around: Surroundings) -> set[str]:
    return set(companions(NAMES, around))


def test_certificates_serve_whoever_speaks_tls() -> None:
    assert "ca-certificates" in kept(Surroundings(libraries=["libssl.so.3"]))
    assert "ca-certificates" in kept(Surroundings(modules=["ssl"]))
    assert "ca-certificates" not in kept(Surroundings(libraries=["libsslice.so.3"], modules=["sslx"]))


def test_fonts_serve_whoever_asks_fontconfig() -> None:
    assert "fonts-dejavu" in kept(Surroundings(libraries=["libfontconfig.so.1"]))
    assert "fonts-dejavu" not in kept(Surroundings(libraries=["libGL.so.1"]))


def test_locales_serve_an_environment_that_names_one() -> None:
    assert "locales" in kept(Surroundings(environment={"LANG": "de_DE.UTF-8"}))
    assert "locales" not in kept(Surroundings(environment={"LANG": "C.UTF-8", "LC_ALL": ""}))


def test_other_packages_are_no_companions() -> None:
    around = Surroundings(["libc.so.6", "libssl.so.3"], ["ssl"], {"LANG": "de_DE.UTF-8"})

    assert kept(around) == {"ca-certificates", "locales", "tzdata"}
