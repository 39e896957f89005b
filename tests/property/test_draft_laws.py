"""A draft reads as the values that were found, whatever names files hold."""

from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.configuration.located import load
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.dockerfiles.contexts.gathering import builds
from fleet_audit.audit.dockerfiles.drafting.drafting import draft
from fleet_audit.audit.dockerfiles.drafting.entries import Ground, entry_of
from fleet_audit.audit.dockerfiles.drafting.shipping import Shipped
from fleet_audit.audit.dockerfiles.drafting.writing import manifest_text
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.semantics import contradictions
from fleet_audit.audit.model.draft import Draft, Guess
from fleet_audit.audit.model.fleet import Manifest
from tests.support.trees import tree

TEXTS = st.text(max_size=30).filter(lambda text: "\x00" not in text)
NAMES = st.from_regex(r"[^/\x00]{1,20}", fullmatch=True).filter(lambda name: name not in (".", ".."))


@given(TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_any_text_comes_back_as_it_was(value: str, why: str, mapping: dict[str, str]) -> None:
    made = Draft(
        fleet=Guess(value, why),
        registry={"prefix": Guess((value, value), why)},
        defaults={},
        machines={},
        families={"x" + value: {"build_args": Guess(dict(mapping), why)}},
        services=({"name": Guess(value, why)},),
        open_questions=(why,),
    )

    read = load(manifest_text(made), name="fleet.yaml").value

    assert read == {
        "version": 1,
        "fleet": value,
        "registry": {"prefix": [value, value]},
        "families": {"x" + value: {"build_args": mapping}},
        "services": [{"name": value}],
    }


@example("~", "", "")
@given(NAMES, TEXTS, TEXTS)
def test_any_repository_gives_a_draft_that_is_a_manifest(folder: str, title: str, tag: str) -> None:
    text = f'FROM base:{tag}\nLABEL org.opencontainers.image.title="{title}"\n'
    text += 'COPY . /\nCMD ["python", "/a.py"]\n'
    repository = Repository(
        tree({f"{folder}/Dockerfile": text, f"{folder}x/Dockerfile": f"FROM {folder}\n", "a.py": ""})
    )
    read = load(manifest_text(draft("x", repository, builds(repository, None))), name="fleet.yaml")

    assert convert(read, Manifest, also=contradictions(read)).fleet == "x"


SCRIPTS = st.lists(
    st.sampled_from(
        [
            *(
                "exec",
                "sh",
                "-c",
                '"$@"',
                "$1",
                "/go.sh",
                "python",
                "-m",
                "a",
                "a.py",
                "poetry run",
                "uv run",
            ),
            *(
                "if",
                "then",
                "fi",
                "for x in",
                "do",
                "done",
                "case",
                "esac",
                "{",
                "}",
                "(",
                ")",
                "'",
                '"',
                "`",
                "$(",
            ),
            *(
                "\n",
                ";",
                "&&",
                "|",
                "&",
                "A=b",
                "cd",
                "..",
                "gunicorn",
                "a:b",
                "celery -A a",
                "\\",
                "<<E",
                "tini --",
            ),
        ]
    ),
    max_size=40,
).map(" ".join)


@given(
    SCRIPTS,
    st.lists(st.sampled_from(["/go.sh", "sh", "-c", "python", "a.py", "exec /go.sh", "x"]), max_size=5),
)
def test_whatever_a_script_says_its_entry_is_a_file_of_the_repository_or_none(
    script: str, words: list[str]
) -> None:
    repository = Repository(tree({"go.sh": script, "a.py": ""}))
    ground = Ground(repository, (Shipped(".", "/"),), lambda _: None)

    entry = entry_of(words, "/", ground)

    assert entry.name in {"", "a.py", "go.sh", "module:a"}
