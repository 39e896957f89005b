"""Whatever an archive, an image or a Dockerfile holds, reading it ends in values or in our own errors."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.archive.contents import Shipped
from fleet_audit.audit.apt.archive.release import parse_release
from fleet_audit.audit.apt.archive.sources import configured_sources, parse_deb822, parse_one_line
from fleet_audit.audit.apt.debian.packages import parse_packages
from fleet_audit.audit.apt.debian.relations import Relation, clause_text, parse_relations
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.dockerfiles.addition.placement import placement
from fleet_audit.audit.dockerfiles.language.parsing import parse
from tests.support.trees import tree

WORDS = (
    *("Package: a", "Version: 1", "Status: install ok installed", "Depends: b (>= 1) | c", ":", "(", "|"),
    *("SHA256:", f" {'ab' * 32} 12 main/x", "Suite: x", "Date: Sat, 99 Jul 2026", "Valid-Until: now"),
    *("-----BEGIN PGP SIGNED MESSAGE-----", "\n-----BEGIN PGP SIGNATURE-----"),
    *("Types: deb", "URIs: http://archive.example", "Suites: x ./", "deb [arch=amd64 http://x y", "[", "]"),
    *("FROM a AS b", "RUN <<EOF", "EOF", "USER root", "\\", "#escape=`", "RUN apt-get install"),
    *("/usr/bin/x", "usr/bin/x  y/z,w", "\x1b[0m", "\u2028", "é"),
)
lines = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=12).map("\n".join)
bodies = lines.map(str.encode) | st.binary(max_size=60)


@given(bodies)
def test_control_files_of_any_content_are_read(body: bytes) -> None:
    release = parse_release(body)
    assert release is None or release.label
    assert all(package.name and package.version for package in parse_packages([body]))
    Shipped("x86_64-linux-gnu").read([body])


@given(lines)
def test_sources_of_any_content_are_read(text: str) -> None:
    for source in (*parse_deb822(text), *parse_one_line(text)):
        assert source.uri
        assert source.suite


@given(bodies, bodies)
def test_an_image_of_any_content_has_a_state(body: bytes, other: bytes) -> None:
    image = tree(
        {
            "/var/lib/dpkg/status": body,
            "/var/lib/dpkg/status.d/x": other,
            "/var/lib/dpkg/diversions": other,
            "/var/lib/dpkg/info/a.list": body,
            "/var/lib/apt/extended_states": other,
            "/etc/apt/sources.list": body,
            "/etc/apt/sources.list.d/x.sources": other,
        }
    )

    state = InstalledState.read(image)

    assert state is not None
    assert state.ownership.gaps == ()
    assert configured_sources(image).gaps == ()


@given(lines)
def test_dockerfiles_of_any_content_have_a_place(text: str) -> None:
    read = parse(text).instructions
    assert all(1 <= i.line <= i.last_line <= len(text.split("\n")) for i in read)
    assert [i.line for i in read] == sorted({i.line for i in read})
    place = placement(text, "Dockerfile").dockerfile
    assert place is not None
    assert 0 <= place.line <= len(text.split("\n"))


names = st.from_regex(r"\A[a-z0-9][a-z0-9+.-]{0,8}\Z")
relations = st.builds(
    Relation,
    names,
    st.sampled_from(("<<", "<=", "=", ">=", ">>")),
    st.from_regex(r"\A[0-9][A-Za-z0-9.+~:-]{0,8}\Z"),
    st.sampled_from(("", "any", "amd64")),
)


@given(
    st.lists(st.lists(relations | st.builds(Relation, names), min_size=1, max_size=3).map(tuple), max_size=4)
)
def test_relations_are_read_as_they_are_written(clauses: list[tuple[Relation, ...]]) -> None:
    assert parse_relations(", ".join(map(clause_text, clauses))) == tuple(clauses)


@given(st.text())
def test_relations_of_any_content_are_read(text: str) -> None:
    assert all(clause for clause in parse_relations(text))


@pytest.mark.parametrize(
    "text",
    ["a" + " " * 200_000 + "x", "a (" + " " * 200_000, "a (>= " + "1" * 200_000, "a" * 200_000 + "|" * 9],
)
def test_long_fields_take_no_long_time(text: str) -> None:
    started = time.process_time()

    parse_relations(text)

    assert time.process_time() - started < 1
