from collections.abc import Callable, Iterable, Mapping

from fleet_audit.audit.apt.planning.steering import steering

Follow = Callable[[Iterable[str]], frozenset[str] | None]
"""What apt would install, told to install these; None where it would not."""


def apt(default: Mapping[str, str]) -> Follow:
    """Return an apt that brings, for each key that is typed, its value unless that or its rival is typed."""

    def follow(names: Iterable[str]) -> frozenset[str] | None:
        typed = frozenset(names)
        if "refused" in typed:
            return None
        brought = {value for key, value in default.items() if key in typed and f"other-{value}" not in typed}
        return typed | brought

    return follow


def steered(planned: str, rivals: Mapping[str, str], follow: Follow) -> tuple[str, ...] | None:
    others = {name: frozenset(words.split()) for name, words in rivals.items()}
    roots = frozenset({"root"})
    return steering(
        roots,
        frozenset(planned.split()),
        follow(roots),
        others,
        lambda names, wanted: follow(names) == wanted,
    )


def test_where_apt_chooses_the_same_nothing_is_named() -> None:
    assert steered("root a", {"a": "other-a"}, apt({"root": "a"})) == ()


def test_the_choice_that_apt_would_not_make_is_named() -> None:
    assert steered("root other-a", {"other-a": "a"}, apt({"root": "a"})) == ("other-a",)


def test_of_the_packages_that_apt_leaves_out_the_fewest_are_named() -> None:
    # "more" comes with "other-a" by itself.
    follow = apt({"root": "a", "other-a": "more"})

    assert steered("root other-a more", {"other-a": "a", "more": "none"}, follow) == ("other-a",)


def test_what_comes_by_no_choice_is_named_where_nothing_else_helps() -> None:
    assert steered("root other-a extra", {"other-a": "a"}, apt({"root": "a"})) == ("extra", "other-a")


def test_where_no_name_helps_there_is_no_answer() -> None:
    assert steered("root refused", {"refused": "a"}, apt({"root": "a"})) is None


def test_what_comes_anyway_but_too_late_for_apt_is_named() -> None:
    def follow(names: Iterable[str]) -> frozenset[str]:
        # "late" comes in any case; typed, it comes before the dependency for which "usual" is taken.
        return frozenset({*names, "late"} | (set() if "late" in names else {"usual"}))

    assert steered("root late", {"late": "usual"}, follow) == ("late",)


def test_of_hundreds_of_names_the_few_that_matter_are_found_without_asking_for_each() -> None:
    usual = {f"package-{number}": f"usual-{number}" for number in range(300)}
    asked: list[frozenset[str]] = []

    def follow(names: Iterable[str]) -> frozenset[str]:
        # All come in any case; for two of them others come as well, unless they are typed.
        asked.append(frozenset(names))
        return frozenset({"root", *usual} | ({"usual-100", "usual-200"} - {usual.get(n) for n in names}))

    assert steered(" ".join(["root", *usual]), {}, follow) == ("package-100", "package-200")
    assert len(asked) < 60


def test_among_many_choices_no_name_is_typed_that_apt_can_do_without() -> None:
    # Of twelve choices apt makes eight by itself once the other four are named.
    names = [f"other-{number:02}" for number in range(12)]

    def follow(typed: Iterable[str]) -> frozenset[str]:
        told = frozenset(typed)
        return frozenset({"root", *told, *(names if set(names[:4]) <= told else ())})

    assert steered(" ".join(["root", *names]), dict.fromkeys(names, "usual"), follow) == tuple(names[:4])
