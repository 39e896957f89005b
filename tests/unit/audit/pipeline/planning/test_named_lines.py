"""Where a family's files name a distribution: the lines to change."""

import pytest

from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.pipeline.planning.named_lines import lines_naming
from tests.support.trees import tree

CV = DistributionName("opencv-python")


def named(files: dict[str, str | bytes], context: str = ".") -> list[str]:
    return [str(line) for line in lines_naming(CV, tree(files), ["docker/Dockerfile"], context)]


def test_a_dockerfile_that_installs_it_names_it() -> None:
    text = "FROM debian\n# opencv-python\nRUN pip install \\\n    numpy \\\n    opencv-python==4.12\n"

    assert named({"docker/Dockerfile": text}) == ["docker/Dockerfile:5"]


@pytest.mark.parametrize("spelt", ["opencv-python", "OpenCV_Python==4.12 \\", "opencv.python>=4"])
def test_a_list_that_a_dockerfile_copies_is_looked_through(spelt: str) -> None:
    files: dict[str, str | bytes] = {
        "docker/Dockerfile": "FROM debian\nCOPY wheels/vision.txt /tmp/requirements.txt\n",
        "wheels/vision.txt": f"numpy\n{spelt}\n",
    }

    assert named(files) == ["wheels/vision.txt:2"]


@pytest.mark.parametrize("other", ["opencv-python-headless==4.12", "my-opencv-python", "opencv"])
def test_other_distributions_of_nearly_the_same_name_are_not_meant(other: str) -> None:
    assert named({"docker/Dockerfile": f"RUN pip install {other}\n"}) == []


def test_lists_are_relative_to_the_context() -> None:
    files: dict[str, str | bytes] = {
        "docker/Dockerfile": "COPY requirements.txt .\n",
        "docker/requirements.txt": "opencv-python\n",
    }

    assert named(files, "docker") == ["docker/requirements.txt:1"]
    assert named(files) == []


def test_what_leads_out_of_the_repository_or_is_not_there_names_nothing() -> None:
    assert named({"docker/Dockerfile": "COPY ../../etc/requirements.txt absent.txt /\n"}) == []
