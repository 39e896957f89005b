"""What a layer's history says of the packages that were installed by name."""

import pytest

from fleet_audit.audit.pipeline.surplus.brought import installed_by


@pytest.mark.parametrize(
    "created_by",
    [
        "RUN /bin/sh -c apt-get update     && apt-get install -y -qq jq=1.6 curl # buildkit",
        "/bin/sh -c apt-get update && apt-get install -y jq curl",
        "|1 REVISION=7 /bin/sh -c apt-get install -qq -y jq curl",
        "RUN |2 A=b REVISION=7 /bin/bash -o pipefail -c apt-get install -y jq curl # buildkit",
        "RUN /bin/bash -euxo pipefail -c apt-get install -y jq curl # buildkit",
        "RUN apt-get update && apt-get install -y jq curl",
        "RUN /bin/sh -c apt-get install -y jq\n    curl # buildkit",
    ],
)
def test_installed_names_are_read_from_every_form_of_history(created_by: str) -> None:
    assert installed_by(created_by) == {"jq", "curl"}


@pytest.mark.parametrize(
    "created_by",
    [
        "",
        "ADD file:4b9 in /",
        "/bin/sh -c #(nop) ADD file:4b9c in / ",
        "RUN /bin/sh -c echo apt-get install jq # buildkit",
        "COPY jq /usr/bin/ # buildkit",
        "RUN /bin/sh -c apt-get remove -y jq # buildkit",
    ],
)
def test_other_steps_install_nothing_by_name(created_by: str) -> None:
    assert installed_by(created_by) == frozenset()


def test_a_long_history_is_read_in_a_moment() -> None:
    assert installed_by("RUN |9 " + " /sh -a" * 20_000) == frozenset()
