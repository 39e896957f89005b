"""What services install themselves, by the names that apt-get takes."""

from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.planning.own_installs import OwnInstalls
from tests.support.trees import tree

RENAMED = {"libglib2.0-0": "libglib2.0-0t64"}


def test_an_old_name_counts_as_the_package_that_provides_it() -> None:
    text = "FROM vision:1\nRUN apt-get install -y libglib2.0-0 curl\n"
    service = Service("face", "vision", dockerfiles=("Dockerfile",))

    found = OwnInstalls([service], tree({"Dockerfile": text}), None, lambda name: RENAMED.get(name, name))

    line = SourceLocation("Dockerfile", 2)
    assert found.of_each == {"face": ({"curl": line, "libglib2.0-0t64": line},)}
