from collections.abc import Mapping

import pytest

from fleet_audit.audit.apt.installed import ownership
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.images.tree import MemoryTree
from fleet_audit.audit.model.apt import InstalledPackage
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, PackageName
from tests.support.archives import packages, stanza
from tests.support.trees import Link, tree

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"


def entry(name: str, version: str = "1", *, status: str = "install ok installed", **fields: str) -> str:
    given = {"Package": name, "Status": status, "Architecture": "amd64", "Version": version, **fields}
    return "".join(f"{field.replace('_', '-')}: {value}\n" for field, value in given.items() if value) + "\n"


def state(files: dict[str, bytes | str | Link | None]) -> InstalledState:
    found = InstalledState.read(tree(files))
    assert found is not None
    return found


def names(found: InstalledState) -> list[str]:
    return [package.name for package in found.packages]


def test_what_dpkg_says_is_read() -> None:
    status = entry(
        "libc6", "2.36-9", Source="glibc (2.36)", Installed_Size="12992", Essential="yes", Depends="libgcc-s1"
    )

    found = state({STATUS: status})

    assert found.packages == (
        InstalledPackage(
            name=PackageName("libc6"),
            version="2.36-9",
            architecture="amd64",
            source="glibc",
            source_version="2.36",
            installed_bytes=12992 * 1024,
            is_essential=True,
        ),
    )
    assert found.records[0].depends == "libgcc-s1"
    assert found.gaps == ()


def test_what_keeps_a_package_and_what_it_is_for_is_read() -> None:
    status = entry(
        "init", Protected="yes", Priority="important", Section="metapackages", Recommends="udev"
    ) + entry("gcc-12")

    init = next(record for record in state({STATUS: status}).records if record.name == "init")
    other = next(record for record in state({STATUS: status}).records if record.name == "gcc-12")

    assert (init.is_protected, init.priority, init.section) == (True, "important", "metapackages")
    assert init.recommends == "udev"
    assert (other.is_protected, other.priority, other.section, other.recommends) == (False, "", "", "")


def test_an_image_without_dpkg_has_no_state() -> None:
    assert InstalledState.read(tree({"/etc/os-release": "ID=alpine"})) is None


def test_removed_packages_are_not_installed() -> None:
    status = (
        entry("a") + entry("b", status="deinstall ok config-files") + entry("c", status="hold ok installed")
    )

    found = state({STATUS: status})

    assert names(found) == ["a", "c"]
    assert [record.is_held for record in found.records] == [False, True]


def test_packages_that_wait_for_triggers_are_installed() -> None:
    assert names(state({STATUS: entry("a", status="install ok triggers-pending")})) == ["a"]


def test_a_package_left_half_way_is_a_gap() -> None:
    found = state({STATUS: entry("a") + entry("b", status="install reinstreq half-installed")})

    assert names(found) == ["a"]
    assert [gap.why for gap in found.gaps] == [
        "says that b is half-installed, so it is not counted as installed"
    ]
    assert found.gaps[0].blocking


def test_broken_stanzas_are_gaps_and_the_rest_is_read() -> None:
    found = state({STATUS: "Version: 1\n\n" + entry("b", "") + "nonsense\n\n" + entry("c")})

    assert names(found) == ["c"]
    assert [gap.why for gap in found.gaps] == [
        "holds a stanza that names no package",
        "gives no version for b",
        "holds a stanza that names no package",
    ]


def test_two_entries_for_one_package_are_a_gap_and_the_last_counts() -> None:
    found = state({STATUS: entry("a", "1") + entry("a", "2")})

    assert [package.version for package in found.packages] == ["2"]
    assert [gap.kind for gap in found.gaps] == [GapKind.UNREADABLE_FILE]


def test_a_status_that_stands_there_twice_is_one_gap() -> None:
    (gap,) = state({STATUS: (entry("liba") + entry("libb") + entry("libc")) * 2}).gaps

    assert gap.why == "lists liba and 2 more twice; the last entry counts, as for dpkg"


@pytest.mark.parametrize("status", ["", entry("libb"), "\n\n"])
def test_files_of_packages_that_the_status_does_not_name_are_a_gap(status: str) -> None:
    lists = {f"{INFO}/{name}.list": "/.\n" for name in ("liba:amd64", "libb", "libc")}

    (gap,) = state({STATUS: status, **lists}).gaps

    more = 1 if status.strip() else 2
    assert (gap.what, gap.blocking) == (STATUS, True)
    assert gap.why == (
        f"does not name liba and {more} more, whose files are listed in {INFO}; it may be cut off"
    )


def test_a_status_that_names_packages_whose_files_are_not_listed_is_none() -> None:
    status = entry("liba") + entry("libb", status="deinstall ok config-files") + entry("libc")

    assert state({STATUS: status, f"{INFO}/liba:amd64.list": "", f"{INFO}/libb.list": ""}).gaps == ()


def test_one_package_may_be_installed_for_two_architectures() -> None:
    found = state({STATUS: entry("libc6") + entry("libc6", Architecture="i386")})

    assert [package.architecture for package in found.packages] == ["amd64", "i386"]
    assert found.gaps == ()


def test_the_parts_of_a_distroless_image_have_no_status() -> None:
    found = state(
        {
            "/var/lib/dpkg/status.d/base": entry("base-files", status=""),
            "/var/lib/dpkg/status.d/base.md5sums": f"{'ab' * 16}  etc/debian_version\nnonsense\n",
            "/etc/debian_version": "12.5",
        }
    )

    assert names(found) == ["base-files"]
    assert not found.has_apt
    assert found.gaps == ()


def test_an_image_with_apt_says_so() -> None:
    assert state({STATUS: entry("apt"), "/usr/bin/apt-get": b""}).has_apt


def test_what_came_as_a_dependency_is_automatic() -> None:
    extended = (
        "Package: b\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        "Package: a\nArchitecture: amd64\nAuto-Installed: 0\n"
    )

    found = state({STATUS: entry("a") + entry("b"), "/var/lib/apt/extended_states": extended})

    assert [package.is_automatic for package in found.packages] == [False, True]


def test_a_package_for_all_architectures_is_automatic_though_apt_notes_its_own_architecture() -> None:
    status = entry("fonts", Architecture="all") + entry("data", Architecture="all")
    marks = "Package: fonts\nArchitecture: amd64\nAuto-Installed: 1\n"

    found = state({STATUS: status, "/var/lib/apt/extended_states": marks})

    assert [package.is_automatic for package in found.packages] == [False, True]


def test_a_status_that_cannot_be_read_is_a_gap() -> None:
    found = state({STATUS: Link("/nowhere")})

    assert found.packages == ()
    assert [(gap.kind, gap.what) for gap in found.gaps] == [(GapKind.UNREADABLE_FILE, STATUS)]


def merged(files: Mapping[str, bytes | str | Link] | None = None) -> MemoryTree:
    return tree(
        {
            STATUS: entry("libc6", Multi_Arch="same") + entry("dash") + entry("coreutils"),
            "/lib": Link("usr/lib"),
            "/bin": Link("usr/bin"),
            "/usr/lib/libc.so.6": b"",
            "/usr/bin/sh": Link("dash"),
            "/usr/bin/dash": b"",
            "/usr/bin/ls": b"",
            "/usr/bin/stray": b"",
            f"{INFO}/libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n",
            f"{INFO}/dash.list": "/bin\n/bin/dash\n/bin/sh\n",
            f"{INFO}/coreutils.list": "/bin/ls\n/usr/share/doc/coreutils/copyright\n",
            **(files or {}),
        }
    )


def owner(image: MemoryTree, path: str) -> str | None:
    found = InstalledState.read(image)
    assert found is not None
    return found.owner(ImagePath(path))


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("/lib/libc.so.6", "libc6"),
        ("/usr/lib/libc.so.6", "libc6"),
        ("/bin/ls", "coreutils"),
        ("/usr/bin/sh", "dash"),
        ("/usr/bin/stray", None),
        ("/nowhere/at/all", None),
    ],
)
def test_files_have_owners_whichever_way_usr_was_merged(path: str, package: str | None) -> None:
    assert owner(merged(), path) == package


def test_a_diverted_file_keeps_its_owner_under_its_new_name() -> None:
    image = merged(
        {
            "/var/lib/dpkg/diversions": "/bin/ls\n/bin/ls.real\ndash\n",
            "/usr/bin/ls.real": b"",
            f"{INFO}/dash.list": "/bin/dash\n/bin/ls\n",
        }
    )

    assert owner(image, "/usr/bin/ls.real") == "coreutils"
    assert owner(image, "/usr/bin/ls") == "dash"


def test_a_list_that_cannot_be_read_is_a_gap() -> None:
    found = InstalledState.read(merged({f"{INFO}/dash.list": Link("/nowhere")}))

    assert found is not None
    assert [gap.what for gap in found.ownership.gaps] == [f"{INFO}/dash.list"]
    assert found.owner(ImagePath("/usr/bin/ls")) == "coreutils"


def test_lists_without_end_are_cut_with_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_MAX_PATHS", 1)
    found = InstalledState.read(merged())

    assert found is not None
    assert [gap.kind for gap in found.ownership.gaps] == [GapKind.LIMIT_REACHED]


def versions(found: InstalledState) -> list[tuple[str, str, str]]:
    return [(package.name, package.architecture, package.version) for package in found.packages]


def test_a_state_with_further_packages_has_them_with_their_relations() -> None:
    found = state({STATUS: entry("b")})

    after = found.with_packages(packages(stanza("a", "2", Depends="b", Source="one (3)")))

    assert versions(after) == [("a", "amd64", "2"), ("b", "amd64", "1")]
    assert after.records[0].depends == "b"
    assert (after.packages[0].source, after.packages[0].source_version) == ("one", "3")
    assert versions(found) == [("b", "amd64", "1")]


@pytest.mark.parametrize(("version", "kept"), [("1", "2"), ("2", "2"), ("10", "10")])
def test_a_package_that_is_there_is_only_ever_upgraded(version: str, kept: str) -> None:
    found = state({STATUS: entry("a", "2")})

    assert versions(found.with_packages(packages(stanza("a", version)))) == [("a", "amd64", kept)]


def test_a_package_of_another_architecture_stays_beside_it() -> None:
    found = state({STATUS: entry("a", Architecture="i386") + entry("b", Architecture="all")})

    after = found.with_packages(packages(stanza("a", "2"), stanza("b", "2")))

    assert versions(after) == [("a", "amd64", "2"), ("a", "i386", "1"), ("b", "amd64", "2")]
