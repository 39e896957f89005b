import pytest

from fleet_audit.audit.dockerfiles.pinning.gathering import gathered_practices
from fleet_audit.audit.dockerfiles.pinning.instructions import OwnImages
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile, Misnomer
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.installs import BaseImage, BuildCommand, HashClaim, Install, Practised
from fleet_audit.audit.model.location import SourceLocation
from tests.support.trees import tree

KNOWLEDGE = Knowledge(
    [
        KnowledgeFile(
            misnomers=(
                Misnomer(
                    "lamp", "pip", ("lamp",), "the lamp", "a shade", "buy one", ("the shop",), "2026-11-20"
                ),
            )
        )
    ]
)


def practised(dockerfile: str, *builds: Build, **files: str) -> tuple[Practised, ...]:
    repository = Repository(tree({"Dockerfile": f"FROM scratch\n{dockerfile}\n", **files}))
    found = gathered_practices(repository, builds, (), KNOWLEDGE, OwnImages())
    assert not repository.gaps
    return found


def commands(dockerfile: str, **files: str) -> list[tuple[str, str, int]]:
    return [
        (each.practice.kind, each.practice.detail, each.location.line)
        for each in practised(dockerfile, **files)
        if isinstance(each.practice, BuildCommand)
    ]


def installs(dockerfile: str, **files: str) -> list[Install]:
    found = practised(dockerfile, **files)
    return [each.practice for each in found if isinstance(each.practice, Install)]


def hashes(dockerfile: str, **files: str) -> list[tuple[str, str, int]]:
    return [
        (each.practice.problem, each.practice.name, each.location.line)
        for each in practised(dockerfile, **files)
        if isinstance(each.practice, HashClaim)
    ]


@pytest.mark.parametrize(
    ("run", "how"),
    [
        ("pip install a || true", "|| true"),
        ("pip install a || :", "|| :"),
        ("pip install a || echo failed", "|| echo failed"),
        ("pip install a || exit 0", "|| exit 0"),
        ("pip install a; true", "; true"),
        ("set +e; pip install a; b", "; b"),
        ("pip install a | tee log", "| tee log"),
        ("(apt-get update && apt-get install -y a) || true", "|| true"),
        ("if x; then pip install a; fi || true", "|| true"),
        ("sh -c 'pip install a' || true", "|| true"),
        ("sh -c 'pip install a || true'", "|| true"),
        ("su - app -c 'pip install a || true'", "|| true"),
        ("for p in a b; do pip install $p; done", "the next round of `for p`"),
        (
            "set -e; pip install a && pip install b; c",
            "; c (set -e does not look at what stands before &&)",
        ),
        ("make install || true", "|| true"),
        ("dpkg -i a.deb || true", "|| true"),
        ("for i in 1 2; do pip install a && break || echo again; done", "|| echo again"),
    ],
)
def test_a_failure_that_nobody_sees_is_told_with_what_takes_it(run: str, how: str) -> None:
    assert [(kind, detail) for kind, detail, _ in commands(f"RUN {run}")] == [("masked", how)]


@pytest.mark.parametrize(
    "run",
    [
        "pip install a",
        "pip install a && rm -rf b || exit 1",
        "pip install a && (rm -rf b || true)",
        "rm -rf b || true; pip install a",
        "pip install a || pip install --pre a",
        "pip install a || { echo failed; exit 1; }",
        "set -e; pip install a; b",
        "yes | apt-get install a",
        "pip uninstall -y a || true",
        "pip install a; status=$?; exit $status",
        "dpkg -i a.deb || true && apt-get install -f -y",
        "set -e; for i in 1 2 3; do pip install a && break || sleep 5; done",
    ],
)
def test_a_failure_that_is_seen_or_meant_is_none(run: str) -> None:
    assert commands(f"RUN {run}") == []


@pytest.mark.parametrize(
    ("run", "file"),
    [
        ("pip install foo>=1.2", "=1.2"),
        ("pip install foo >=1.2", "=1.2"),
        ("pip install foo>1.2", "1.2"),
        ("pip install foo<2", "2"),
        ("apt-get install foo>=1.2", "=1.2"),
        ("uv pip install --system foo>=1.2", "=1.2"),
    ],
)
def test_a_sign_outside_quotes_is_a_redirect(run: str, file: str) -> None:
    assert commands(f"RUN {run}") == [("stray-file", file, 2)]


@pytest.mark.parametrize(
    "run",
    [
        "pip install 'foo>=1.2'",
        'pip install "foo>=1.2"',
        "pip install foo\\>=1.2",
        "pip install foo > log",
        "pip install foo >log 2>&1",
        "pip install foo>/dev/null",
        "pip install foo 2>1.2",
        "test 1 >=1",
    ],
)
def test_an_output_that_is_sent_somewhere_is_no_version(run: str) -> None:
    assert commands(f"RUN {run}") == []


def test_two_signs_of_one_requirement_are_told_together() -> None:
    found = [each.practice for each in practised("RUN pip install foo>=1.2,<2")]

    assert [(each.words, each.detail) for each in found if isinstance(each, BuildCommand)] == [
        ("foo>=1.2,<2", "=1.2,")
    ]


@pytest.mark.parametrize(
    "run",
    [
        "curl -s https://archive.example/i | sh",
        "curl -s https://archive.example/i | sudo -E bash -",
        "wget -O- https://archive.example/i | bash -s -- -y",
        "curl https://archive.example/i | gunzip | sh",
        "curl https://archive.example/i | python3",
        "curl https://archive.example/i | python3 - --yes",
        "bash <(curl -s https://archive.example/i)",
        ". <(curl -s https://archive.example/i)",
        'sh -c "$(curl -fsSL https://archive.example/i)"',
        'eval "$(curl -fsSL https://archive.example/i)"',
        'python3 -c "$(curl -fsSL https://archive.example/i)"',
        "bash -ex < <(curl https://archive.example/i)",
        "curl -fsSL https://archive.example/i -o /opt/x.sh && sh -e /opt/x.sh --yes",
        "cd /opt && curl -fsSLo x.sh https://archive.example/i && chmod +x x.sh && ./x.sh",
        "wget https://archive.example/i && cd / && bash i",
        "cd /opt; curl -LO https://archive.example/i; sh i",
        "wget -qO x.py https://archive.example/i; python3 x.py",
        "curl https://archive.example/i > /opt/x && . /opt/x",
    ],
)
def test_what_is_fetched_and_run_is_told(run: str) -> None:
    assert commands(f"RUN {run}") == [("piped-script", "https://archive.example/i", 2)]


@pytest.mark.parametrize(
    "run",
    [
        "curl https://archive.example/i | tar xz",
        "curl https://archive.example/i | gpg --dearmor",
        "curl https://archive.example/i | python3 -m json.tool",
        "curl https://archive.example/i | python3 -c 'import sys'",
        "curl https://archive.example/i | sh install.sh",
        "curl https://archive.example/i | sh -c 'cat > x'",
        "echo 'curl https://archive.example/i | sh'",
        "X=$(curl https://archive.example/i)",
        'sh -c "echo $(curl https://archive.example/i)"',
        "python3 -c \"print('$(curl https://archive.example/i)')\"",
        "cat x | sh",
        "diff <(curl https://archive.example/i) x",
        "curl -o x.sh https://archive.example/i && echo '0f3c  x.sh' | sha256sum -c && sh x.sh",
        "curl -o x.sh https://archive.example/i && sh y.sh",
        "curl -o x.sh https://archive.example/i && cat x.sh",
        "curl -O https://archive.example/i && cd other && sh i",
        "curl https://archive.example/i && sh i",
    ],
)
def test_what_is_fetched_and_read_is_no_script(run: str) -> None:
    assert commands(f"RUN {run}") == []


@pytest.mark.parametrize(
    ("run", "branch"),
    [
        ("git clone https://git.example/a", ""),
        ("git -C /x clone --depth 1 -b main git@git.example:a", "main"),
        ("git clone --branch=main https://git.example/a && cd a && make", "main"),
        ("git clone https://git.example/a && git -C a checkout main", ""),
    ],
)
def test_a_clone_without_a_commit_is_told(run: str, branch: str) -> None:
    assert commands(f"RUN {run}") == [("moving-source", branch, 2)]


@pytest.mark.parametrize(
    "run",
    [
        "git clone -b v1.2.3 https://git.example/a",
        'git clone --branch "$VERSION" https://git.example/a',
        "git clone https://git.example/a && cd a && git checkout 0f3c1d2",
        'git clone https://git.example/a && git -C a reset --hard "$COMMIT"',
        "git clone /srv/a",
    ],
)
def test_a_clone_at_a_commit_or_at_what_a_variable_says_is_none(run: str) -> None:
    assert commands(f"RUN {run}") == []


def test_a_later_step_may_go_to_a_commit_in_the_folder_of_the_clone() -> None:
    def found(*later: str) -> list[tuple[str, str, int]]:
        return commands("\n".join(("WORKDIR /src", "RUN git clone https://git.example/a.git", *later)))

    at_a_commit = "git checkout 0f3c1d2"
    assert found(f"RUN cd a && {at_a_commit}") == []
    assert found("WORKDIR /src/a", f"RUN make; {at_a_commit}") == []
    assert found("RUN git -C a checkout 0f3c1d2") == []
    moving = [("moving-source", "", 3)]
    assert found(f"RUN cd b && {at_a_commit}") == moving
    assert found("RUN cd a && git checkout main") == moving
    assert found("FROM b", "WORKDIR /src/a", f"RUN {at_a_commit}") == moving


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ADD https://archive.example/a.tgz /", [("unchecked-add", "https://archive.example/a.tgz", 2)]),
        ("ADD https://git.example/a.git#main /", [("moving-source", "main", 2)]),
        ("ADD git@git.example:a /", [("moving-source", "", 2)]),
        ("ADD https://git.example/a.git?branch=main&subdir=b /", [("moving-source", "main", 2)]),
        ("ADD https://git.example/a.git?ref=main&commit=0f3c1d2 /", []),
        (f"ADD --checksum=sha256:{'0f3c1d2a' * 7}0f3c1d2b https://archive.example/a.tgz /", []),
        ("ADD https://git.example/a.git#v1.2.3 /", []),
        ("ADD a.tgz /", []),
        ("COPY a.tgz /", []),
    ],
)
def test_add_is_asked_for_a_checksum_or_a_commit(line: str, found: list[tuple[str, str, int]]) -> None:
    assert commands(line) == found


def test_a_checksum_that_cannot_be_is_told() -> None:
    assert hashes("ADD --checksum=sha256:abc https://archive.example/a.tgz /") == [
        ("length", "https://archive.example/a.tgz", 2)
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("ENV PIP_EXTRA_INDEX_URL=https://archive.example", ("extra-index", "https://archive.example", 2)),
        ("ARG UV_INDEX=https://archive.example", ("extra-index", "https://archive.example", 2)),
        ("RUN export PIP_EXTRA_INDEX_URL=x && pip install a", ("extra-index", "x", 2)),
        ("RUN PIP_EXTRA_INDEX_URL=x pip install a", ("extra-index", "x", 2)),
        ("RUN pip config set global.extra-index-url x", ("extra-index", "x", 2)),
        ("RUN pip install --trusted-host h a", ("unverified", "--trusted-host h", 2)),
        ("RUN apt-get install -y --force-yes a", ("unverified", "--force-yes", 2)),
        (
            "RUN printf 'deb [arch=amd64 trusted=yes] http://archive.example x main\\n' >x",
            ("unverified", "[trusted=yes]", 2),
        ),
        (
            "COPY <<EOF /etc/apt/sources.list.d/x.list\n\ndeb [trusted=yes] http://archive.example x y\nEOF",
            ("unverified", "[trusted=yes]", 4),
        ),
        ("RUN apk add --allow-untrusted a", ("unverified", "--allow-untrusted", 2)),
    ],
)
def test_what_is_trusted_besides_is_told(lines: str, found: tuple[str, str, int]) -> None:
    assert found in commands(lines)


@pytest.mark.parametrize(
    "lines",
    [
        "RUN pip install --index-url https://archive.example a",
        "ENV PIP_INDEX_URL=https://archive.example",
        "ARG PIP_EXTRA_INDEX_URL",
        "RUN echo 'deb [signed-by=/k] http://archive.example x main' >x",
        "RUN pip config list",
    ],
)
def test_one_index_and_signed_sources_are_fine(lines: str) -> None:
    assert commands(lines) == []


def test_files_of_settings_are_read_at_their_lines() -> None:
    files = {"pip.conf": "[global]\nextra-index-url =\n    https://archive.example/a\n# trusted-host = x\n"}

    assert commands("", **files) == [("extra-index", "https://archive.example/a", 3)]


def test_lists_of_sources_are_read_in_both_forms() -> None:
    files = {
        "apt/our-sources.list": "# deb [trusted=yes] x y\ndeb [trusted=yes] http://archive.example x y\n",
        "apt/b.sources": "Types: deb\nTrusted: yes\n\nTypes: deb\nTrusted: no\n",
        "words.list": "trusted=yes\n",
    }

    assert commands("", **files) == [("unverified", "Trusted: yes", 2), ("unverified", "[trusted=yes]", 2)]
    heredoc = "COPY <<EOF /etc/apt/sources.list.d/b.sources\nTypes: deb\nTrusted: yes\nEOF"
    assert commands(heredoc) == [("unverified", "Trusted: yes", 4)]


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install --extra-index-url https://me:hush@archive.example/simple a",
        "ENV PIP_EXTRA_INDEX_URL=https://hush@archive.example/simple",
        "RUN pip install git+https://me:hush@git.example/a@main",
        "RUN git clone https://hush:x@git.example/a",
        "ADD https://me:hush@archive.example/x /",
        "RUN curl https://me:hush@archive.example/x | sh",
    ],
)
def test_passwords_in_addresses_are_not_told(line: str) -> None:
    found = practised(line)

    assert found
    assert "hush" not in repr(found)
    assert "…@" in repr(found)


def test_variables_are_followed_to_what_is_installed() -> None:
    found = installs(
        "ARG V=1.0\nENV PACKAGES='a b==2'\n"
        'RUN MORE="c"; pip install $PACKAGES $MORE d==$V e==$UNKNOWN $UNKNOWN\n'
        "RUN for each in x y==1; do pip install $each; done"
    )

    assert sorted((each.name, each.is_pinned) for each in found) == [
        ("a", False),
        ("b", True),
        ("c", False),
        ("d", True),
        ("e", True),
        ("x", False),
        ("y", True),
    ]


def test_packages_stand_at_their_own_lines() -> None:
    found = practised("RUN apt-get install -y \\\n    liba=1 \\\n    # why\n    libb")

    assert [(each.name, each.location) for each in found] == [
        ("apt:liba", SourceLocation("Dockerfile", 3)),
        ("apt:libb", SourceLocation("Dockerfile", 5)),
    ]


def test_the_exec_form_installs_without_a_shell() -> None:
    found = practised('RUN ["pip", "install", "a>=1", "b==2"]')

    assert [(each.name, each.location.line) for each in found] == [("pip:a", 2), ("pip:b", 2)]


def test_what_is_installed_twice_is_one_record_with_both_lines() -> None:
    (found,) = practised("RUN pip install a\nRUN pip install a")

    assert (found.location.line, [place.line for place in found.related]) == (2, [3])


@pytest.mark.parametrize(
    "run",
    [
        "pip install --no-index --find-links /w a",
        "PIP_NO_INDEX=1 pip install a",
        "uv pip install --exclude-newer 2026-01-01 a",
        "pip install -c $SOMEWHERE a",
        "apt-get install -S 20261101T000000Z a",
    ],
)
def test_what_is_offered_or_constrained_otherwise_is_pinned(run: str) -> None:
    assert all(each.is_pinned for each in installs(f"RUN {run}"))


def test_constraints_pin_what_they_name() -> None:
    found = installs("COPY c.txt /c.txt\nRUN pip install -c /c.txt a b", **{"c.txt": "a==1\nb>1\n"})

    assert {each.name: each.is_pinned for each in found} == {"a": True, "b": False}


def test_requirements_files_are_read_where_they_were_copied_from() -> None:
    build = Build(
        origin=BuildOrigin.MANIFEST, location=SourceLocation("m", 1), dockerfile="Dockerfile", context="app"
    )
    files = {"app/r.txt": "a\n-r more/s.txt\n", "app/more/s.txt": "b==1\n", "r.txt": "wrong\n"}

    found = practised("WORKDIR /w\nCOPY . .\nRUN cd /w && pip install -r r.txt", build, **files)

    assert [(each.name, str(each.location)) for each in found if isinstance(each.practice, Install)] == [
        ("pip:b", "app/more/s.txt:1"),
        ("pip:a", "app/r.txt:1"),
    ]


def test_one_hash_demands_one_of_everything() -> None:
    digest = "2a02aba9ed12e4ac4eb3ea9421c420301a0c6460d9830d74a9df87efa4912010"
    lines = (
        f"a==1 --hash=sha256:{digest}",
        "b==2",
        "w==3; os_name == 'nt'",
        f"c --hash=sha256:{digest[::-1]}",
        "-e ./d",
    )
    files = {"r.txt": "\n".join(lines)}

    assert hashes("COPY r.txt /r.txt\nRUN pip install -r /r.txt e==1", **files) == [
        ("missing", "e==1", 3),
        ("missing", "b==2", 2),
        ("unpinned", "c", 4),
        ("missing", "./d", 5),
    ]


@pytest.mark.parametrize("run", ["uv pip install -r /r.txt", "pip install -r /r.txt -c /c.txt", "cat /r.txt"])
def test_hashes_are_not_demanded_by_others(run: str) -> None:
    digest = "2a02aba9ed12e4ac4eb3ea9421c420301a0c6460d9830d74a9df87efa4912010"
    files = {"r.txt": f"a==1 --hash=sha256:{digest}\nb==2\n", "c.txt": ""}

    assert hashes(f"COPY . /\nRUN {run}", **files) == []


def test_an_installation_without_hashes_is_told_once() -> None:
    assert commands("COPY r.txt /\nRUN pip install -r /r.txt", **{"r.txt": "a==1\n"}) == [
        ("without-hashes", "/r.txt", 3)
    ]


def test_a_name_that_is_not_what_it_seems_is_told_with_what_is_run() -> None:
    (library,) = installs("RUN pip install lamp==1")
    (program,) = installs("RUN pip install Lamp==1 && lamp --on")

    assert (library.meant, library.row, library.is_run) == ("the lamp", "lamp", False)
    assert program.is_run


@pytest.mark.parametrize(
    "run", ["pip install --index-url x lamp", "pip install -f /w lamp", "apt-get install lamp"]
)
def test_a_name_from_elsewhere_is_not_known(run: str) -> None:
    assert [each.meant for each in installs(f"RUN {run}")] == [""]


def test_bases_are_told_with_what_is_known_of_them() -> None:
    text = (
        "ARG TAG=1\nFROM images.example/a/b:$TAG AS one\nFROM one\nFROM $UNKNOWN\nFROM x@sha256:" + "0f" * 32
    )
    repository = Repository(tree({"Dockerfile": text}))

    found = gathered_practices(repository, (), (), KNOWLEDGE, OwnImages("images.example/a", r"^\d$"))

    assert [
        (base.image[:20], base.stage, base.is_pinned, base.is_own, base.fits_pattern)
        for each in found
        if isinstance(base := each.practice, BaseImage)
    ] == [
        ("images.example/a/b:1", "one", False, True, True),
        ("x@sha256:0f0f0f0f0f0f"[:20], "3", True, False, False),
    ]


def test_a_run_in_another_language_is_passed_over() -> None:
    assert practised('SHELL ["pwsh", "-Command"]\nRUN pip install a || true') == ()
    assert practised("RUN <<EOF\n#!/usr/bin/env python3\npip install a || true\nEOF") == ()


@pytest.mark.parametrize(
    ("name", "text", "is_blocking"),
    [
        ("Dockerfile", "FROM scratch\n" + "RUN a\n" * 2001, True),
        ("Dockerfile", "FROM scratch\nRUN " + "a;\\\n" * 2001 + "a\n", True),
        ("setup.sh", "a\n" * 2001, False),
        ("setup.sh", "a" * 300_000, False),
    ],
)
def test_what_is_too_long_to_be_followed_is_a_gap(name: str, text: str, *, is_blocking: bool) -> None:
    repository = Repository(tree({name: text}))

    gathered_practices(repository, (), (), KNOWLEDGE, OwnImages())

    assert [gap.blocking for gap in repository.gaps] == [is_blocking]


def test_a_program_that_another_run_calls_counts() -> None:
    (found,) = installs("RUN pip install lamp==1\nRUN lamp --on")

    assert found.is_run


def test_a_file_that_is_installed_from_twice_is_told_once() -> None:
    files = {"r.txt": "a\n"}

    assert len(installs("COPY r.txt /\nRUN pip install -r /r.txt\nRUN pip install -r /r.txt", **files)) == 1
