"""A whole image from a small archive: what dpkg, ldconfig and the maintainer scripts would have left."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from examples.fleet.builder import recipes
from examples.fleet.builder.archive import Archive, sources_file, sources_for
from examples.fleet.builder.build import Additions, Builder, plan
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.layers import Compression, read_layer
from examples.fleet.builder.oci import Layout
from examples.fleet.builder.recipes import AddUser, Apt, Bootstrap, Recipe, Slim
from fleet_audit.audit.apt.debian.control import fields, stanzas
from fleet_audit.audit.tools.fetch import Fetcher
from tests.support.elf import elf
from tests.support.packages import deb, debian_archive
from tests.support.trees import Link

LIBRARIES = "usr/lib/x86_64-linux-gnu"

ESSENTIAL = "Essential: yes\nPriority: required\n"

SMALL = (
    Recipe("base", None, (Bootstrap(), Apt(("python3",)), AddUser("appuser", 10001))),
    Recipe("slim", "base", (Slim(remove=("etc/motd",), empty=("usr/share/doc",)),), has_healthcheck=True),
)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(recipes, "RECIPES", {recipe.name: recipe for recipe in SMALL})
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", "https://archive.example/never-asked")
    postinst = (
        f"#!/bin/sh\nupdate-alternatives --install /{LIBRARIES}/libblas.so.3 \\\n"
        f"  libblas.so.3-x86_64-linux-gnu /{LIBRARIES}/blas/libblas.so.3 10\n"
    )
    address = debian_archive(
        tmp_path / "archive",
        {
            "base-files": (
                deb(
                    "base-files",
                    {
                        "bin/tool": "#!/bin/sh\n",
                        "var/run/.keep": "",
                        "etc/ld.so.conf": "/usr/local/lib\n",
                        "usr/share/base-files/motd": "hello\n",
                        "usr/share/doc/base-files/copyright": "free\n",
                        "etc/issue": "Debian\n",
                    },
                    info={"conffiles": "/etc/issue\n"},
                ),
                ESSENTIAL,
            ),
            "base-passwd": (
                deb(
                    "base-passwd",
                    {
                        "usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n",
                        "usr/share/base-passwd/group.master": "root:*:0:\n",
                    },
                ),
                ESSENTIAL,
            ),
            "apt": (deb("apt"), ""),
            "libblas3": (
                deb(
                    "libblas3",
                    {
                        f"{LIBRARIES}/blas/libblas.so.3.1": elf(soname="libblas.so.3"),
                        f"{LIBRARIES}/blas/libblas.so.3": Link("libblas.so.3.1"),
                    },
                    fields={"Multi-Arch": "same"},
                    info={"postinst": postinst},
                ),
                "Multi-Arch: same\n",
            ),
            "python3": (
                deb("python3", {"usr/bin/python3": ""}, fields={"Depends": "libblas3"}),
                "Depends: libblas3\n",
            ),
            "extra": (deb("extra", {"usr/bin/extra": ""}), ""),
        },
    )
    return Archive(sources_for(address), Fetcher(tmp_path / "downloads"))


def built(folder: Path, archive: Archive, name: str, additions: Additions | None = None) -> Layout:
    layout = Layout(folder)
    said: list[str] = []
    builder = Builder(layout, archive, folder.parent / "cache", Compression.GZIP, say=said.append)
    planned = plan("image", name, archive, additions or Additions())
    builder.build(planned, "0a1b2c3")
    assert builder.is_built(planned, "0a1b2c3")
    assert not builder.is_built(planned, "0a1b2c4")
    return layout


def layers(layout: Layout) -> list[dict[str, bytes]]:
    found = []
    for layer in layout.image("image").layers:
        body = b"".join(read_layer(layout.blob(layer["digest"]), layer["mediaType"]))
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            files = {m.name: m.linkname.encode() for m in tar if m.issym()}
            found.append(
                files | {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar if m.isreg()}
            )
    return found


def test_the_first_layer_is_a_merged_usr_with_dpkgs_state(tmp_path: Path, archive: Archive) -> None:
    bootstrap = layers(built(tmp_path / "out", archive, "base"))[0]

    assert bootstrap["bin"] == b"usr/bin"
    assert bootstrap["usr/bin/tool"] == b"#!/bin/sh\n"
    assert bootstrap["var/run"] == b"/run"
    assert b"/bin/tool\n" in bootstrap["var/lib/dpkg/info/base-files.list"]
    status = {fields(s)["Package"]: fields(s) for s in stanzas([bootstrap["var/lib/dpkg/status"]])}
    assert sorted(status) == ["apt", "base-files", "base-passwd"]
    assert status["base-files"]["Status"] == "install ok installed"
    assert status["base-files"]["Conffiles"].strip().startswith("/etc/issue ")
    assert b"file:///" in bootstrap["etc/apt/sources.list.d/debian.sources"]


def test_a_password_in_the_archives_address_stays_out_of_the_image() -> None:
    text = sources_file(sources_for("https://user:secret@archive.example/debian"))

    assert b"URIs: https://archive.example/debian\n" in text
    assert b"secret" not in text


def test_maintainer_scripts_are_done_without_running_them(tmp_path: Path, archive: Archive) -> None:
    bootstrap, python, user = layers(built(tmp_path / "out", archive, "base"))

    assert bootstrap["etc/motd"] == b"hello\n"
    assert bootstrap["etc/passwd"] == b"root:x:0:0:root:/root:/bin/bash\n"
    assert python[f"{LIBRARIES}/libblas.so.3"] == b"/etc/alternatives/libblas.so.3-x86_64-linux-gnu"
    assert b"libblas.so.3\0/lib/x86_64-linux-gnu/libblas.so.3\0" in python["etc/ld.so.cache"]
    assert b"appuser:x:10001:10001" in user["etc/passwd"]


def test_a_dependency_is_marked_as_installed_automatically(tmp_path: Path, archive: Archive) -> None:
    python = layers(built(tmp_path / "out", archive, "base"))[1]

    assert b"Package: libblas3\n" in python["var/lib/apt/extended_states"]
    assert b"Package: python3\n" not in python["var/lib/apt/extended_states"]
    assert "var/lib/dpkg/info/libblas3:amd64.list" in python


def test_a_child_shares_its_parents_layers_and_hides_some_of_their_files(
    tmp_path: Path, archive: Archive
) -> None:
    base = built(tmp_path / "a", archive, "base").image("image")
    child = built(tmp_path / "b", archive, "slim")

    assert child.image("image").layers[:3] == base.layers
    assert sorted(layers(child)[3]) == ["etc/.wh.motd", "usr/share/doc/.wh..wh..opq"]
    config = json.loads(child.image("image").config)
    assert config["config"]["User"] == "10001:10001"
    assert config["config"]["Healthcheck"]["Test"][0] == "CMD"
    assert config["config"]["Labels"]["com.acme.family"] == "slim"


def test_added_packages_are_one_more_layer(tmp_path: Path, archive: Archive) -> None:
    plain = built(tmp_path / "a", archive, "base")
    more = built(tmp_path / "b", archive, "base", Additions(apt=("extra=1.0-1",)))

    assert more.image("image").layers[:-1] == plain.image("image").layers
    assert "usr/bin/extra" in layers(more)[-1]
    assert json.loads(more.image("image").config)["history"][3]["created_by"].endswith(" extra=1.0-1")


def test_the_same_inputs_give_the_same_image(tmp_path: Path, archive: Archive) -> None:
    first = built(tmp_path / "a", archive, "slim").path / "index.json"
    second = built(tmp_path / "b", archive, "slim").path / "index.json"

    assert first.read_bytes() == second.read_bytes()


def test_a_layer_that_is_there_is_not_written_again(tmp_path: Path, archive: Archive) -> None:
    layout = Layout(tmp_path / "out")
    said: list[str] = []
    builder = Builder(layout, archive, tmp_path / "cache", Compression.GZIP, say=said.append)
    builder.build(plan("one", "base", archive, Additions()), "")
    assert len(said) == 3

    builder.build(plan("two", "slim", archive, Additions()), "")
    assert len(said) == 4

    layout.blob(layout.image("two").layers[3]["digest"]).unlink()
    builder.build(plan("two", "slim", archive, Additions()), "")
    assert len(said) == 5
    assert layout.image("two").layers[:3] == layout.image("one").layers


def test_what_the_archive_has_not_got_is_an_error_that_says_so(archive: Archive) -> None:
    with pytest.raises(BuildError, match=r"extra=2\.0: is not in the archive; it has 1\.0-1"):
        plan("image", "base", archive, Additions(apt=("extra=2.0",)))
    with pytest.raises(BuildError, match="absent"):
        plan("image", "base", archive, Additions(apt=("absent",)))
    with pytest.raises(BuildError, match="no such image; there are: base, slim"):
        plan("image", "other", archive, Additions())


def test_a_package_that_was_tampered_with_is_refused(tmp_path: Path, archive: Archive) -> None:
    (tmp_path / "archive/pool/apt.deb").write_bytes(deb("apt", {"usr/bin/evil": ""}))

    with pytest.raises(Exception, match="sha256"):
        built(tmp_path / "out", archive, "base")
