"""Which values the contexts of a workflow have in one run of a job.

Rules: docs.github.com, "Contexts reference" and "Variables reference": the environment of a step hides that
of its job, and that the workflow's.
"""

from collections.abc import Mapping

import msgspec

from fleet_audit.audit.dockerfiles.shell.symbols import OF_JOB, is_known, symbol
from fleet_audit.audit.dockerfiles.workflows.expressions import UNKNOWN, Outcome, Unknown, filled
from fleet_audit.audit.model.workflows import Combination, Settings

WORKSPACE = "/github/workspace"
"""Stands for the folder of the checkout, whose real name differs between runners."""

Values = Mapping[str, str]
"""Names with values, in which symbols stand for what is not known."""


_FIXED: dict[tuple[str, ...], Outcome] = {("github", "workspace"): WORKSPACE, ("always()",): True}

Facts = Mapping[tuple[str, ...], Outcome]
"""Properties of contexts by their path in small letters, and outcomes of functions: ``("success()",)``."""


class Scope(msgspec.Struct, frozen=True):
    """The values of contexts at one place. What a context does not hold is not known.

    `facts` come before all else. What steps give is named after the `job` that they are in. `inputs` are
    those of the workflow or of the composite action.
    """

    matrix: Combination = ()
    is_matrix_known: bool = True
    env: Values = {}
    inputs: Values = {}
    facts: Facts = {}
    job: str = ""

    def __call__(self, path: tuple[str, ...]) -> Outcome:
        """Return the value of a context's property."""
        if path in self.facts:
            return self.facts[path]
        match path:
            case ("matrix", *names):
                return self._of_matrix(".".join(names))
            case ("env", name):
                return _value(self.env, name)
            case ("inputs", name) | ("github", "event", "inputs", name):
                return _value(self.inputs, name)
            case ("steps", *names):
                return Unknown(text=symbol(".".join((OF_JOB, self.job, "steps", *names))))
            case _:
                return _FIXED.get(path, UNKNOWN)

    def with_env(self, settings: Settings) -> "Scope":
        """Return the scope with more variables, whose values are worked out here."""
        if not settings:
            return self
        return msgspec.structs.replace(self, env={**self.env, **self.values(settings)})

    def values(self, settings: Settings) -> Values:
        """Return what settings come to here."""
        return {name: filled(text.text, self) for name, text in settings}

    def variable(self, name: str) -> str | None:
        """Return the value of a variable in a script, or of an expression there; None where there is none."""
        if name.startswith("{{"):
            return filled(f"${name}", self)
        return WORKSPACE if name == "GITHUB_WORKSPACE" else self.env.get(name)

    def _of_matrix(self, name: str) -> Outcome:
        for key, value in self.matrix:
            if key == name:
                return UNKNOWN if value is None else value
        return None if self.is_matrix_known else UNKNOWN


def outcome(text: str) -> Outcome:
    """Return a text as a value of expressions: not known where a part of it is not."""
    return text if is_known(text) else Unknown(text=text)


def _value(values: Values, name: str) -> Outcome:
    """Return a value by its name, whose case does not count."""
    value = values.get(name)
    if value is None:
        value = next((found for key, found in values.items() if key.lower() == name), None)
    return UNKNOWN if value is None else outcome(value)
