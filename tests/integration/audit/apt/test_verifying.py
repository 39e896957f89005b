"""``deps --verify`` proves a plan that is right, tells what is wrong with another, and leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from platformdirs import user_cache_path

from fleet_audit.__main__ import run
from fleet_audit.audit.model.apt import PlannedPackage, Verification
from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.finding import GapKind, Verdict
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis, analyse
from fleet_audit.audit.pipeline.deps.trial import trial
from fleet_audit.audit.pipeline.deps.verifying import verified
from fleet_audit.audit.pipeline.run.scene import open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import ARCHIVES, COPIES, DOWNLOADS, Shared
from fleet_audit.audit.pipeline.run.subject import Subject, image_subject
from fleet_audit.audit.tools.enclosure import NotEnclosed, find_enclosure
from tests.support.debian import index
from tests.support.example_images import FLEET, example_layout
from tests.support.roots import roots

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping a root file system needs root"),
]

APP = """
import ctypes, subprocess
ctypes.CDLL("libportaudio.so.2")
subprocess.run(["jq", "--version"])
"""
SECONDS = 300


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    """Give a cache that has the program's own archives and downloads, and copies of its own."""
    index()
    place = Path(mkdtemp(dir=roots("bookworm")["bookworm"].place.parent, prefix="cache-"))
    for name in (ARCHIVES, DOWNLOADS):
        (place / name).symlink_to(user_cache_path("fleet-audit") / name)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def shared(cache: Path) -> Shared:
    try:
        find_enclosure(cache / COPIES, os.environ)
    except NotEnclosed as e:
        pytest.skip(str(e))
    return Shared(Settings(cache_dir=cache, created="2026-11-20T00:00:00Z"))


@pytest.fixture(scope="module")
def subject(source: Path) -> Subject:
    return image_subject(f"dir:{roots('bookworm')['bookworm'].place}", source=source, entry="app.py")


@pytest.fixture(scope="module")
def analysis(subject: Subject, shared: Shared) -> Analysis:
    return analyse(subject, shared)


def outcome(report: DepsReport) -> Verification:
    found = report.proposal.verification
    assert found is not None
    return found


def changed(analysis: Analysis, **fields: object) -> Analysis:
    """Return the analysis with another proposal."""
    proposal = msgspec.structs.replace(analysis.report.proposal, **fields)
    return msgspec.structs.replace(
        analysis, report=msgspec.structs.replace(analysis.report, proposal=proposal)
    )


def test_a_plan_is_verified_by_the_images_own_apt_loader_and_programs(
    analysis: Analysis, subject: Subject, shared: Shared
) -> None:
    report = verified(analysis, subject, shared)

    found = outcome(report)
    assert (found.outcome, found.failed) == ("verified", ())
    assert found.loaded == ("so:libportaudio.so.2", "bin:jq")
    assert set(found.installed) == {f"{p.name}={p.version}" for p in analysis.report.proposal.packages}
    assert report.gaps == analysis.report.gaps
    assert list((shared.settings.cache_dir / COPIES).iterdir()) == []


def test_a_package_that_is_left_out_of_a_plan_is_named(
    analysis: Analysis, subject: Subject, shared: Shared
) -> None:
    packages = analysis.report.proposal.packages
    left_out = next(package for package in packages if not package.is_root)
    wrong = changed(analysis, packages=tuple(p for p in packages if p is not left_out))

    report = verified(wrong, subject, shared)

    pin = f"{left_out.name}={left_out.version}"
    assert outcome(report).outcome == "failed"
    assert {name for name, _ in outcome(report).failed} == {pin}
    assert [gap.blocking for gap in report.gaps if gap.kind is GapKind.NOT_VERIFIED] == [True]
    assert report.verdict is not Verdict.PASS


def test_a_package_that_does_not_come_is_named(analysis: Analysis, subject: Subject, shared: Shared) -> None:
    extra = PlannedPackage(PackageName("libgl1"), "1.6.0-1", 1, 1, ("so:libGL.so.1",))
    wrong = changed(analysis, packages=(*analysis.report.proposal.packages, extra))

    found = outcome(verified(wrong, subject, shared))

    assert found.outcome == "failed"
    assert {name for name, _ in found.failed} == {"libgl1=1.6.0-1"}


def test_a_library_that_is_promised_and_does_not_load_fails(
    analysis: Analysis, subject: Subject, shared: Shared
) -> None:
    promised = Need(NeedKind.SONAME, "libnowhere.so.1", Tier.REQUIRED, Via.DLOPEN, Missing())
    first, *others = analysis.report.proposal.packages
    supplying = msgspec.structs.replace(first, supplies=(*first.supplies, promised.subject))
    wrong = changed(analysis, packages=(supplying, *others))
    report = msgspec.structs.replace(wrong.report, needs=(*wrong.report.needs, promised))

    found = outcome(verified(msgspec.structs.replace(wrong, report=report), subject, shared))

    assert found.outcome == "failed"
    assert [name for name, _ in found.failed] == ["so:libnowhere.so.1"]
    assert "cannot open shared object file" in found.failed[0][1]
    assert "so:libportaudio.so.2" in found.loaded


def test_a_version_that_the_archive_does_not_have_fails(
    analysis: Analysis, subject: Subject, shared: Shared
) -> None:
    found = outcome(verified(changed(analysis, roots=("jq=0.0.1",)), subject, shared))

    assert found.outcome == "failed"
    assert found.failed[0][0] == "apt-get"
    assert "jq" in found.failed[0][1]


def test_without_the_network_and_the_files_it_is_refused(
    analysis: Analysis, subject: Subject, tmp_path: Path, shared: Shared
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / ARCHIVES).symlink_to(shared.settings.cache_dir / ARCHIVES)
    offline = Shared(msgspec.structs.replace(shared.settings, cache_dir=cache, is_offline=True))

    report = verified(analysis, subject, offline)

    assert outcome(report).outcome == "refused"
    assert "--offline forbids the network" in outcome(report).why
    assert list((cache / COPIES).iterdir()) == []


def test_without_python_the_images_loader_is_asked(subject: Subject, shared: Shared) -> None:
    assert subject.image is not None
    folder = shared.settings.cache_dir / COPIES
    enclosure = find_enclosure(folder, os.environ)
    with open_scene(subject.image, shared.settings) as scene:
        without = msgspec.structs.replace(scene, interpreter=None)
        with trial(without, index(), enclosure, folder) as copy:
            assert copy.why_not_loaded("libc.so.6") == ""
            assert "libnowhere.so.1" in copy.why_not_loaded("libnowhere.so.1")
            assert copy.why_not_started("apt-get") == ""
            assert "not found" in copy.why_not_started("nonsense")


def test_what_a_family_beneath_is_to_get_is_there_before_a_familys_own_part(
    shared: Shared, tmp_path: Path
) -> None:
    image = f"dir:{roots('bookworm')['bookworm'].place}"
    low = "import ctypes\nctypes.CDLL('libportaudio.so.2')\n"
    for name, code in (("low", low), ("high", f"{low}ctypes.CDLL('libmagic.so.1')\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(code)
    manifest = {
        "version": 1,
        "fleet": "two",
        "families": {"base": {"image": image}, "child": {"image": image, "parent": "base"}},
        "services": [
            {"name": name, "family": family, "entry": f"{name}/app.py", "source_paths": [name]}
            for name, family in (("low", "base"), ("high", "child"))
        ],
    }
    (tmp_path / "fleet.yaml").write_text(json.dumps(manifest))
    words = ["deps", "child", "-f", str(tmp_path / "fleet.yaml"), "--verify", "-o", f"json={tmp_path}/d.json"]

    run([*words, "--cache-dir", str(shared.settings.cache_dir)])

    proposal = json.loads((tmp_path / "d.json").read_bytes())["proposal"]
    found = proposal["verification"]
    assert (found["outcome"], found["failed"]) == ("verified", [])
    assert found["loaded"] == ["so:libmagic.so.1", "so:libportaudio.so.2"]
    # What comes with the family beneath is no part of the proposal, nor of what is compared with it.
    assert not [pin for pin in found["installed"] if pin.startswith("libportaudio2=")]
    assert [pin for pin in found["installed"] if pin.startswith("libmagic1=")]


@pytest.fixture
def hostile() -> Iterator[tuple[Path, Path]]:
    """Give a Debian that may be changed, and a folder of this machine that it knows of."""
    base = roots("bookworm")["bookworm"].place
    place = Path(mkdtemp(dir=base.parent, prefix="hostile-"))
    shutil.copytree(base, place / "root", symlinks=True, copy_function=os.link)
    (place / "outside").mkdir(mode=0o777)
    yield place / "root", place / "outside"
    shutil.rmtree(place)


def replace(path: Path, text: str) -> None:
    """Write a file in place of one that other roots share."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def hostile_hooks(root: Path, outside: Path) -> None:
    hook = f"touch /hooked; mkdir -p {outside}; echo x > {outside}/written; rm -rf /work /host; kill -9 -1"
    replace(root / "etc/apt/apt.conf.d/99hook", f'DPkg::Pre-Invoke {{"{hook} || true";}};\n')


def hostile_dpkg(root: Path, outside: Path) -> None:
    script = (
        f"#!/bin/sh\nrm -rf {outside}; mkdir -p {outside}; echo x > {outside}/written\n"
        f"cd /; ln -s {outside} /fleet-audit-link; for d in /fleet-audit-*; do rm -rf $d/archives; "
        f"ln -s {outside} $d/archives; done\nexit 0\n"
    )
    replace(root / "usr/bin/dpkg", script)


def hostile_apt(root: Path, outside: Path) -> None:
    script = (
        "#!/bin/sh\nfor d in /fleet-audit-*; do rm -rf $d/archives; "
        f"ln -s {outside} $d/archives; done\n"
        "echo 'Inst jq (1.6-2.1+deb12u2 Debian)'\n"
    )
    replace(root / "usr/bin/apt-get", script)


def hostile_links(root: Path, outside: Path) -> None:
    for name in ("var/cache/apt/archives", "var/lib/apt/lists", "dev", "proc"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(outside)


@pytest.mark.parametrize("prepare", [hostile_hooks, hostile_dpkg, hostile_apt, hostile_links])
def test_a_hostile_image_harms_its_copy_alone(
    prepare: Callable[[Path, Path], None], hostile: tuple[Path, Path], source: Path, shared: Shared
) -> None:
    root, outside = hostile
    prepare(root, outside)
    subject = image_subject(f"dir:{root}", source=source, entry="app.py")

    report = verified(analyse(subject, shared), subject, shared)

    assert list(outside.iterdir()) == []
    assert outcome(report).outcome == ("verified" if prepare is hostile_links else "failed")
    assert list((shared.settings.cache_dir / COPIES).iterdir()) == []
    assert not (root / "hooked").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_half_way_leaves_nothing(
    number: signal.Signals, source: Path, shared: Shared
) -> None:
    copies = shared.settings.cache_dir / COPIES
    reference = f"dir:{roots('bookworm')['bookworm'].place}"
    argv = [sys.executable, "-m", "fleet_audit", "deps", reference, "--source", str(source), "--verify"]
    argv += ["--cache-dir", str(shared.settings.cache_dir)]
    # A signal that is ignored here, as in a shell's background, would be ignored there.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # noqa: S603  (this Python, on our own command)
    finally:
        signal.signal(number, before)
    with process as started:
        begun = time.monotonic()
        while not any(copies.glob("copy-*/usr/bin/apt-get")):
            assert started.poll() is None, started.stderr.read() if started.stderr else ""
            assert time.monotonic() - begun < SECONDS
            time.sleep(0.05)
        started.send_signal(number)
        started.wait(SECONDS)

    assert started.returncode in (130, 143)
    assert list(copies.iterdir()) == []
    assert not [name for name in processes() if "fleet-audit-" in name and str(copies) in name]


def processes() -> list[str]:
    """Return the command lines of what runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_the_examples_family_is_verified_down_to_its_import(tmp_path: Path) -> None:
    example_layout("family-vision-cu121")
    file = tmp_path / "document.json"
    run(["deps", "family-vision-cu121", "-f", str(FLEET / "fleet.yaml"), "--verify", "-o", f"json={file}"])
    found = json.loads(file.read_bytes())["proposal"]["verification"]

    assert found["outcome"] == "verified", found
    assert "import:cv2" in found["loaded"]
