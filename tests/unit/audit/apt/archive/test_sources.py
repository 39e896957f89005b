import pytest

from fleet_audit.audit.apt.archive.sources import (
    SNAPSHOT_DATE,
    ArchiveSource,
    SourceOffers,
    choose_sources,
    configured_sources,
    parse_deb822,
    parse_one_line,
    release_names,
    released,
)
from fleet_audit.audit.model.identity import Distro
from tests.support.trees import Link, tree

BOOKWORM = Distro(id="debian", version="12", codename="bookworm")
JAMMY = Distro(id="ubuntu", version="22.04", codename="jammy")

DEBIAN_12 = """\
Types: deb deb-src
# a comment between fields
URIs: http://archive.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian-security
Suites: bookworm-security
Components: main
Enabled: yes
"""


def test_a_source_is_shown_without_its_password() -> None:
    source = ArchiveSource("https://user:hunter2@archive.example/debian", "bookworm")

    assert source.place == "bookworm at https://archive.example/debian"


def suites(sources: tuple[ArchiveSource, ...] | list[ArchiveSource]) -> list[tuple[str, str]]:
    return [(source.uri, source.suite) for source in sources]


def test_the_one_line_style_is_read_with_its_options() -> None:
    read = parse_one_line(
        "# deb http://archive.example/off x main\n"
        "deb-src http://archive.example/debian bookworm main\n"
        "deb [arch=amd64,arm64 signed-by=/k.gpg trusted=yes check-valid-until=no]"
        " http://archive.example/debian bookworm main contrib # why\n"
        "deb\thttp://archive.example/flat ./\n"
        "deb http://archive.example/incomplete\n"
    )

    assert read == [
        ArchiveSource(
            uri="http://archive.example/debian",
            suite="bookworm",
            components=("main", "contrib"),
            architectures=("amd64", "arm64"),
            signed_by="/k.gpg",
            is_trusted=True,
            checks_valid_until=False,
        ),
        ArchiveSource(uri="http://archive.example/flat", suite="./"),
    ]
    assert [source.is_flat for source in read] == [False, True]


def test_deb822_sources_multiply_addresses_and_suites() -> None:
    assert suites(parse_deb822(DEBIAN_12)) == [
        ("http://archive.example/debian", "bookworm"),
        ("http://archive.example/debian", "bookworm-updates"),
        ("http://archive.example/debian-security", "bookworm-security"),
    ]


@pytest.mark.parametrize("line", ["Enabled: no", "Enabled: false", "Types: deb-src"])
def test_sources_that_are_off_are_left_out(line: str) -> None:
    assert parse_deb822(f"{line}\nTypes: deb\nURIs: http://archive.example/d\nSuites: x\n") == []


def test_a_tree_gives_its_sources_in_the_order_of_apt() -> None:
    image = tree(
        {
            "/etc/apt/sources.list": "deb http://archive.example/one bookworm main\n",
            "/etc/apt/sources.list.d/b.sources": "Types: deb\nURIs: http://a.example/three\nSuites: x\n",
            "/etc/apt/sources.list.d/a.list": "deb http://archive.example/two bookworm main\n",
            "/etc/apt/sources.list.d/c.list.disabled": "deb http://archive.example/no bookworm main\n",
            "/etc/apt/sources.list.d/c@d.list": "deb http://archive.example/no bookworm main\n",
        }
    )

    found = configured_sources(image)

    assert [source.uri.rpartition("/")[2] for source in found.sources] == ["one", "two", "three"]
    assert found.gaps == ()


def test_a_file_of_sources_that_cannot_be_read_is_a_gap() -> None:
    found = configured_sources(tree({"/etc/apt/sources.list.d/a.list": Link("/nowhere")}))

    assert [gap.what for gap in found.gaps] == ["/etc/apt/sources.list.d/a.list"]


def test_an_image_without_sources_has_none() -> None:
    assert configured_sources(tree({})).sources == ()


IMAGE = tuple(parse_one_line("deb http://image.example/debian bookworm main"))
MACHINE = tuple(
    parse_one_line(
        "deb [arch=arm64] http://machine.example/debian trixie main\n"
        "deb http://machine.example/debian-security trixie-security main\n"
        "deb http://machine.example/other stuff main\n"
        "deb http://machine.example/ubuntu noble main\n"
    )
)


def test_a_given_address_comes_before_all_others() -> None:
    offers = SourceOffers(
        environment="http://a.example/debian/, http://b.example/security",
        manifest=("http://m.example/debian",),
        image=IMAGE,
    )

    chosen = choose_sources(BOOKWORM, "amd64", offers)

    assert suites(chosen) == [
        ("http://a.example/debian", "bookworm"),
        ("http://a.example/debian", "bookworm-updates"),
        ("http://a.example/debian", "bookworm-security"),
        ("http://b.example/security", "bookworm"),
        ("http://b.example/security", "bookworm-updates"),
        ("http://b.example/security", "bookworm-security"),
    ]
    assert all(source.is_optional for source in chosen)


def test_the_manifest_names_addresses_or_whole_lines() -> None:
    offers = SourceOffers(
        manifest=("deb http://m.example/debian bookworm main", "http://n.example/d"), image=IMAGE
    )

    chosen = choose_sources(BOOKWORM, "amd64", offers)

    assert suites(chosen)[:2] == [("http://m.example/debian", "bookworm"), ("http://n.example/d", "bookworm")]


def test_a_dated_snapshot_comes_before_the_images_own_sources() -> None:
    chosen = choose_sources(BOOKWORM, "amd64", SourceOffers(snapshot="20260101T000000Z", image=IMAGE))

    assert all("20260101T000000Z" in source.uri for source in chosen)
    assert not any(source.checks_valid_until for source in chosen)


def test_an_image_is_planned_for_with_its_own_sources() -> None:
    assert choose_sources(BOOKWORM, "amd64", SourceOffers(image=IMAGE, machine=MACHINE)) == IMAGE


def test_a_third_partys_source_alone_is_not_enough() -> None:
    image = tuple(parse_one_line("deb http://gpu.example/cuda /"))

    assert choose_sources(BOOKWORM, "amd64", SourceOffers(image=image))[0].uri.endswith(SNAPSHOT_DATE)


def test_a_file_address_of_an_image_is_not_this_machines() -> None:
    image = tuple(parse_one_line("deb file:///srv/debian bookworm main"))

    assert not any(
        s.uri.startswith("file:") for s in choose_sources(BOOKWORM, "amd64", SourceOffers(image=image))
    )


def test_the_machines_addresses_serve_with_the_images_release() -> None:
    assert suites(choose_sources(BOOKWORM, "amd64", SourceOffers(machine=MACHINE))) == [
        ("http://machine.example/debian", "bookworm"),
        ("http://machine.example/debian-security", "bookworm-security"),
    ]
    assert suites(choose_sources(JAMMY, "amd64", SourceOffers(machine=MACHINE))) == [
        ("http://machine.example/ubuntu", "jammy")
    ]


def test_ubuntu_is_never_planned_for_with_debians_packages() -> None:
    debian_only = tuple(source for source in MACHINE if "ubuntu" not in source.uri)

    assert choose_sources(JAMMY, "amd64", SourceOffers(machine=debian_only)) == ()


def test_where_nothing_is_named_a_pinned_state_of_debian_serves() -> None:
    chosen = choose_sources(BOOKWORM, "amd64", SourceOffers())

    assert [source.suite for source in chosen] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert all(SNAPSHOT_DATE in source.uri for source in chosen)


def test_a_release_is_known_by_its_version_where_it_has_no_codename() -> None:
    assert choose_sources(Distro(id="debian", version="11"), "amd64", SourceOffers())[0].suite == "bullseye"


@pytest.mark.parametrize("distro", [Distro(), Distro(id="alpine", version="3.20"), Distro(id="debian")])
def test_other_distributions_have_no_sources(distro: Distro) -> None:
    assert choose_sources(distro, "amd64", SourceOffers(environment="http://a.example/debian")) == ()


def test_sources_for_other_architectures_do_not_count() -> None:
    image = tuple(parse_one_line("deb [arch=arm64] http://image.example/debian bookworm main"))

    assert choose_sources(BOOKWORM, "arm64", SourceOffers(image=image)) == image
    assert choose_sources(BOOKWORM, "amd64", SourceOffers(image=image)) != image


def test_a_release_is_known_by_its_codename() -> None:
    assert released("jammy") == Distro(id="ubuntu", version="22.04", codename="jammy")
    assert released("debian") is None
    assert {released(name) is None for name in release_names()} == {False}
