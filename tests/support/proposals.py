"""Builds proposals of which everything can be said that reports tell, and packages that nothing needs."""

from fleet_audit.audit.model.apt import (
    AptPlan,
    OtherPlan,
    Placement,
    PlannedPackage,
    Remedy,
    Share,
    Step,
    Surplus,
    Unsatisfied,
    Verification,
)
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation

AUDIO_DOCKERFILE = SourceLocation("docker/family-audio/Dockerfile", 7)
BASE_DOCKERFILE = SourceLocation("docker/base-gpu-cu121/Dockerfile", 4)
PATCH = """\
--- a/docker/family-audio/Dockerfile
+++ b/docker/family-audio/Dockerfile
@@ -5,5 +5,7 @@
 USER root
 RUN apt-get update \\
     && apt-get install -y --no-install-recommends \\
-        libsm6 \\
+        libjack0=1:0.126.0-2 \\
+        libportaudio2=19.6.0-1.2 \\
+        tini \\
     && rm -rf /var/lib/apt/lists/*
"""


def package(name: str, version: str, installed: int, *because: str, **more: object) -> PlannedPackage:
    """Return one package of a plan; a quarter of its installed size is to be downloaded."""
    return PlannedPackage(PackageName(name), version, installed, installed // 4, because, **more)  # type: ignore[arg-type]  # its last two fields


def audio_plan() -> AptPlan:
    """Return a proved plan for sounddevice, smaller than apt's own, with one way that is better than it."""
    portaudio = ("so:libportaudio.so.2", "libportaudio2")
    return AptPlan(
        snapshot="bookworm 2026-11-15",
        roots=("libjack0=1:0.126.0-2", "libportaudio2=19.6.0-1.2"),
        packages=(
            package("libasound2", "1.2.8-1+b1", 1400000, *portaudio, "libasound2"),
            package("libjack0", "1:0.126.0-2", 300000, *portaudio, "libjack0"),
            package(
                "libportaudio2",
                "19.6.0-1.2",
                200000,
                *portaudio,
                is_root=True,
                supplies=("so:libportaudio.so.2",),
            ),
        ),
        installed_bytes=1900000,
        download_bytes=475000,
        is_optimal=True,
        certificate="2 forced steps, 1 choice",
        unsatisfied=(Unsatisfied("so:libssl.so.1.1", "no suite of Debian 12 ships it"),),
        placement=Placement(
            "family-audio", AUDIO_DOCKERFILE, "the last apt-get install of the final stage", PATCH
        ),
        steering=("libjack0=1:0.126.0-2",),
        steps=(
            Step(PackageName("libportaudio2"), "so:libportaudio.so.2"),
            Step(PackageName("libasound2"), "libportaudio2: Depends libasound2 (>= 1.0.16)"),
            Step(
                PackageName("libjack0"),
                "libportaudio2: Depends libjack-jackd2-0 (>= 1.9.10) | libjack-0.125",
                ("libjack-jackd2-0 would bring libdb5.3 as well",),
                is_choice=True,
            ),
        ),
        apt_default=OtherPlan(
            ("libportaudio2=19.6.0-1.2",),
            (
                "libasound2=1.2.8-1+b1",
                "libdb5.3=5.3.28",
                "libjack-jackd2-0=1.9.21",
                "libportaudio2=19.6.0-1.2",
            ),
            4500000,
            1100000,
        ),
        others=(
            OtherPlan(
                ("libportaudio2=19.6.0-1.2",), ("libportaudio2=19.6.0-1.2",), 2000000, 400000, "less to fetch"
            ),
        ),
        remedies=(
            Remedy(
                "portaudio-wheel",
                ("so:libportaudio.so.2",),
                "take the wheel that bundles the library",
                "sounddevice==0.5.1 -> sounddevice-bundled==0.5.1",
                1500000,
                "likely",
                ("no call of sounddevice.hostapi is reachable from SpeechAgent",),
                (SourceLocation("services/speech/requirements.txt", 2),),
                "remedies:portaudio",
                ("https://project.example/sounddevice",),
            ),
            Remedy("old-openssl", ("so:libssl.so.1.1",), "build the wheel anew against OpenSSL 3"),
        ),
        shares=(
            Share("base-gpu-cu121", ("libasound2=1.2.8-1+b1",), 1400000, ("family-audio", "family-llm")),
            Share("family-audio", ("libportaudio2=19.6.0-1.2",), 500000, ("family-audio",)),
        ),
        verification=Verification(
            "verified", "chroot", "", ("libasound2=1.2.8-1+b1",), ("libportaudio.so.2", "import:sounddevice")
        ),
    )


def audio_surplus() -> tuple[Surplus, ...]:
    """Return packages that nothing needs: of this image with one that goes with another, and inherited."""
    family, base = "family-audio", "base-gpu-cu121"
    return (
        Surplus(
            PackageName("cmake"),
            40000000,
            family,
            "a tool for building, which no service runs",
            "certain",
            kind="build-tool",
            built_with="docker/family-audio/Dockerfile:9 runs cmake",
            dockerfile=AUDIO_DOCKERFILE,
        ),
        Surplus(
            PackageName("cmake-data"), 9000000, family, "only cmake needs it", "certain", goes_with="cmake"
        ),
        Surplus(
            PackageName("fonts-noto"),
            90000000,
            base,
            "no program that is reached draws text",
            "possible",
            dockerfile=BASE_DOCKERFILE,
            doubt="fontconfig opens fonts by their names",
            is_inherited=True,
        ),
        Surplus(
            PackageName("libsm6"),
            102400,
            family,
            "no file that is reached loads libSM.so.6",
            "likely",
            created_by="RUN apt-get install libsm6",
            instead=("libice6=2:1.0.10-1",),
        ),
    )
