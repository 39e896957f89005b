"""All references of a repository together."""

from collections.abc import Sequence
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.references.claims import reference_claims
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Family, Fleet, Manifest, Registry
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import ReferenceClaims
from tests.support.laws import examples
from tests.support.references import PREFIX, TAG, house
from tests.support.trees import Link, tree

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n"
FILES: dict[str, str] = {
    "Dockerfile": f"ARG BASE={PREFIX}/family-web:{TAG}\nFROM ${{BASE}}\nCOPY --from=debian /a /a\n",
    "compose.yaml": f"services:\n  web:\n    image: {PREFIX}/famly-web:{TAG}\n",
    "Makefile": "IMAGE = acme/tool:1\nrun:\n\tdocker run $(IMAGE)\n",
    "push.sh": "docker push acme/web:1\n",
    "web.Dockerfile.j2": "FROM old.example/family-web:1\n",
    "deploy/pod.yaml": POD + "    - image: redis\n",
}


def claims(files: dict[str, str], *builds: Build) -> ReferenceClaims:
    return reference_claims(Repository(tree(files)), house(), builds, ())


def places(found: ReferenceClaims) -> Sequence[tuple[str, int, str, str]]:
    return [
        (
            each.reference.location.path,
            each.reference.location.line,
            each.reference.written,
            each.deviation or "",
        )
        for each in found.accounts
    ]


def test_every_kind_of_file_is_read_and_listed_in_order_with_its_deviation() -> None:
    assert places(claims(FILES)) == [
        ("Dockerfile", 1, f"{PREFIX}/family-web:{TAG}", ""),
        ("Dockerfile", 3, "debian", "no-tag"),
        ("Makefile", 3, "acme/tool:1", ""),
        ("compose.yaml", 3, f"{PREFIX}/famly-web:{TAG}", "repository"),
        ("deploy/pod.yaml", 5, "redis", "no-tag"),
        ("push.sh", 1, "acme/web:1", ""),
        ("web.Dockerfile.j2", 1, "old.example/family-web:1", "prefix"),
    ]


def test_a_dockerfile_within_a_build_stands_at_the_build() -> None:
    build = Build(
        origin=BuildOrigin.COMPOSE, location=SourceLocation("compose.yaml", 2), inline="FROM debian\n"
    )

    (reference,) = (each.reference for each in claims({}, build).accounts)

    assert (reference.location, reference.written) == (build.location, "debian")


def test_tags_of_bake_are_published() -> None:
    build = Build(
        origin=BuildOrigin.BAKE,
        location=SourceLocation("docker-bake.hcl", 2),
        dockerfile="Dockerfile",
        tags=(f"{PREFIX}/voice:\ue000$TAG\ue001",),
    )

    (reference,) = (each.reference for each in claims({}, build).accounts)

    assert (reference.repository_name, reference.publishes) == (f"{PREFIX}/voice", True)


def test_a_target_of_bake_without_a_known_name_may_publish_anything() -> None:
    nameless = Build(origin=BuildOrigin.BAKE, location=SourceLocation("docker-bake.hcl", 2))

    (sure,) = (each for each in claims(FILES).drifts if each.standard == "published")
    (unsure,) = (each for each in claims(FILES, nameless).drifts if each.standard == "published")

    assert (sure.is_sure, unsure.is_sure) == (True, False)


def test_a_line_that_two_services_share_is_listed_for_each_and_told_once() -> None:
    text = "x-cache: &cache\n  image: redis\nservices:\n  one: *cache\n  two: {<<: *cache, init: true}\n"

    found = claims({"compose.yaml": text})

    listed = [(each.reference.name, each.deviation) for each in found.accounts]
    assert listed == [("one", "no-tag"), ("two", "no-tag")]
    assert [(each.reference.location.line, each.deviation) for each in found.drifts] == [(2, "no-tag")]


def test_an_agreement_that_is_no_reference_is_a_gap_at_its_line_and_judges_nothing() -> None:
    manifest = (
        "version: 1\nfleet: x\nregistry:\n  prefix: https://images.example/acme\n"
        "  canonical: ['images.example/acme/a:1',\n    'Not One']\n"
        "families: {family-web: {upstream: 'debian:'}}\nservices: []\n"
    )
    fleet = Fleet(
        Manifest(
            version=1,
            fleet="x",
            families={"family-web": Family(upstream="debian:")},
            services=(),
            registry=Registry(
                prefix="https://images.example/acme", canonical=("images.example/acme/a:1", "Not One")
            ),
        ),
        ".",
        "fleet.yaml",
    )
    compose = "services: {web: {image: 'images.example/acme/family-web:1'}}\n"
    repository = Repository(tree({"fleet.yaml": manifest, "compose.yaml": compose}))

    found = reference_claims(repository, fleet, (), ())

    assert found.drifts == ()
    assert [(str(gap.location), gap.why.partition(":")[0], gap.blocking) for gap in repository.gaps] == [
        ("fleet.yaml:4", "registry.prefix", True),
        ("fleet.yaml:6", "registry.canonical[1]", True),
        ("fleet.yaml:7", "families.family-web.upstream", True),
    ]


def test_links_out_of_the_repository_and_folders_of_tools_are_not_followed() -> None:
    files = {"Dockerfile": Link("/etc/passwd"), "node_modules/a/Dockerfile": "FROM debian\n"}

    assert places(claims(dict(files))) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FILES)),
            st.text(alphabet="#{}$[]:\\\"'\n\t -&*!|>%@`<aFROMimage/0\0\ue000é", max_size=40),
            st.integers(0, 90),
        ),
        max_size=6,
    )
)
@examples(150)
def test_whatever_stands_in_files_is_answered(edits: list[tuple[str, str, int]]) -> None:
    files = dict(FILES)
    for path, text, at in edits:
        files[path] = files[path][:at] + text + files[path][at:]

    found = claims(files)

    assert list(found.accounts) == sorted(found.accounts, key=lambda each: each.reference.location)


@given(st.sampled_from(sorted({*FILES} - {"deploy/pod.yaml"})), st.integers(0, 3))
def test_comments_and_blank_lines_move_lines_and_change_nothing_else(path: str, count: int) -> None:
    added = "# FROM old.example/family-web:9 and image: old.example/family-web:9\n" * count
    before, after = claims(FILES), claims({**FILES, path: added + FILES[path]})

    assert [row[2:] for row in places(after)] == [row[2:] for row in places(before)]
    moved = [(row[0], row[1] + (count if row[0] == path else 0)) for row in places(before)]
    assert [row[:2] for row in places(after)] == moved


@pytest.mark.parametrize(
    "files",
    [
        {
            "Dockerfile": "FROM a AS s\n"
            + "".join(f"FROM s AS s{n}\nCOPY --from=s{n} /a /a\n" for n in range(3000))
        },
        {"Dockerfile": "".join(f"ARG A{n}=x$A{n - 1}\n" for n in range(3000)) + "FROM $A2999\n"},
        {
            "compose.yaml": "services:\n"
            + "".join(f"  s{n}: {{image: '{PREFIX}/n{n}:1'}}\n" for n in range(3000))
        },
        {"pod.yaml": POD + "".join(f"  - image: a{n}\n" for n in range(3000))},
        {"values.yaml": "".join(f"k{n}: {{image: {{repository: a{n}}}}}\n" for n in range(3000))},
        {"Dockerfile.j2": "FROM x/y:1\n" * 12_000},
        {"run.sh": "docker run a/b:1\n" * 3000},
    ],
    ids=["stages", "arguments", "services", "containers", "values", "template", "commands"],
)
def test_many_of_anything_take_no_more_than_their_share_of_time(files: dict[str, str]) -> None:
    start = process_time()

    claims(files)

    assert process_time() - start < 2
