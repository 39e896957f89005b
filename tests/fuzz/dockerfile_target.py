"""Coverage-guided fuzzing of what reads and changes Dockerfiles, with atheris (libFuzzer).

Run ``python -m tests.fuzz.dockerfile_target FOLDER tests/fixtures/dockerfiles -max_total_time=60`` from a
checkout; what is found interesting goes to FOLDER. It ends with an error when something raises, or when a
change that is made again changes something.
"""

import sys

import atheris

with atheris.instrument_imports(include=["fleet_audit.audit.dockerfiles"]):
    from fleet_audit.audit.dockerfiles.addition.patching import patch, unified
    from fleet_audit.audit.dockerfiles.copying.copies import copied_files
    from fleet_audit.audit.dockerfiles.copying.ignoring import ignore_rules
    from fleet_audit.audit.dockerfiles.language.building import refusals
    from fleet_audit.audit.dockerfiles.language.expansion import scopes
    from fleet_audit.audit.dockerfiles.language.parsing import parse
    from fleet_audit.audit.dockerfiles.running.starting import start_words
    from fleet_audit.audit.model.apt import AptPlan

_PLAN = AptPlan(roots=("libgl1=1.6.0-1", "zlib1g=1:1.2.13"))


def read_everything(body: bytes) -> None:
    """Read a body as a Dockerfile and change it; raises only what is a fault of the readers."""
    text = body.decode("utf-8", "replace")
    dockerfile = parse(text)
    refusals(dockerfile, scopes(dockerfile, {"A": "1"}))
    copied_files(text, target="", build_args={}, ignored=ignore_rules(text))
    start_words(text, target="")
    change = patch(text, _PLAN, surplus=("libb",))
    unified(change)
    if not patch(change.after, _PLAN, surplus=("libb",)).is_empty:
        raise AssertionError(change.after)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_everything)
    atheris.Fuzz()
