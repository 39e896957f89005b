"""The runs that a job's matrix makes.

Rules: docs.github.com, "Running variations of jobs in a workflow", with its sections on ``include`` and
``exclude``; a matrix makes at most 256 runs ("Usage limits").
"""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from math import prod

import msgspec

from fleet_audit.audit.configuration.located import Value, View
from fleet_audit.audit.dockerfiles.yaml_texts import as_text
from fleet_audit.audit.model.workflows import Combination

MAX_RUNS = 256
_MAX_COMPARISONS = 20_000
_MAX_VALUES = 200

_Configuration = dict[str, Value]


class Matrix(msgspec.Struct, frozen=True):
    """The runs of a job. `is_known` where their number is; `problem` says what keeps them from being read."""

    combinations: tuple[Combination, ...] = ((),)
    is_known: bool = True
    problem: str = ""


UNKNOWN = Matrix(is_known=False)


def read_matrix(view: View) -> Matrix:
    """Return the runs of the matrix that stands here; one without values where there is none."""
    if not isinstance(view.value, dict):
        return Matrix() if view.value is None else UNKNOWN
    vectors = {name: value for name, value in view.value.items() if name not in ("include", "exclude")}
    lists = {name: value for name, value in vectors.items() if isinstance(value, list)}
    include, exclude = (_configurations(view.value.get(key)) for key in ("include", "exclude"))
    if include is None or exclude is None or len(lists) < len(vectors):
        return _partly_known(lists)
    bases = prod(len(values) for values in lists.values()) if lists else 0
    if bases * (1 + len(include) + len(exclude)) > _MAX_COMPARISONS:
        return Matrix(is_known=False, problem=f"the matrix makes more than {MAX_RUNS} runs")
    runs = _expanded(lists, include, exclude)
    flat = tuple(_flat(run) for run in runs[:MAX_RUNS])
    if len(runs) > MAX_RUNS:
        return Matrix(flat, is_known=False, problem=f"the matrix makes more than {MAX_RUNS} runs")
    return Matrix(flat or ((),), is_known=bool(flat))


def _partly_known(lists: Mapping[str, list[Value]]) -> Matrix:
    """Return the runs by those vectors that are written out, where expressions give the others."""
    rows = islice(product(*lists.values()), MAX_RUNS)
    runs = tuple(_flat(dict(zip(lists, row, strict=True))) for row in rows)
    return Matrix(runs or ((),), is_known=False)


def _configurations(value: Value) -> list[_Configuration] | None:
    """Return the mappings of an ``include`` or ``exclude``; None where an expression gives them."""
    if value is None:
        return []
    if not isinstance(value, list):
        return None
    found = [entry for entry in value if isinstance(entry, dict)]
    return found if len(found) == len(value) else None


def _expanded(
    vectors: Mapping[str, list[Value]], include: list[_Configuration], exclude: list[_Configuration]
) -> list[_Configuration]:
    rows = product(*vectors.values()) if vectors else iter(())
    originals: list[_Configuration] = [dict(zip(vectors, row, strict=True)) for row in rows]
    originals = [run for run in originals if not any(_holds(run, entry) for entry in exclude)]
    runs = [dict(run) for run in originals]
    added: list[_Configuration] = []
    for entry in include:
        wanted = {name: value for name, value in entry.items() if name in vectors}
        fits = [run for original, run in zip(originals, runs, strict=True) if _holds(original, wanted)]
        for run in fits:
            run.update(entry)
        if not fits:
            added.append(entry)
    return runs + added


def _holds(run: Value, part: Value) -> bool:
    """Say whether a configuration is one that `part` names; a mapping need only name some of its keys."""
    if isinstance(run, dict) and isinstance(part, dict):
        return all(name in run and _holds(run[name], value) for name, value in part.items())
    return run == part and isinstance(run, bool) == isinstance(part, bool)


def _flat(run: _Configuration) -> Combination:
    return tuple(islice(_leaves(run, ""), _MAX_VALUES))


def _leaves(value: Value, name: str) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, dict):
        if name:
            yield name, None
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key.lower()}" if name else key.lower())
        return
    text = as_text(value)
    yield name, None if text is not None and "${{" in text else text
