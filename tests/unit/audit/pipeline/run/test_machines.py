"""On which machines an image runs."""

from fleet_audit.audit.model.fleet import Family, Fleet, Machine, Manifest
from fleet_audit.audit.pipeline.run.machines import lowest_isa


def _fleet(**isa: str) -> Fleet:
    machines = {name: Machine(isa=level) for name, level in isa.items()}
    family = Family(image="oci:images:vision", machines=tuple(isa))
    other = Family(image="oci:images:web", machines=("old",))
    manifest = Manifest(
        version=1,
        fleet="house",
        families={"vision": family, "web": other},
        services=(),
        machines={"old": Machine(isa="x86-64"), **machines},
    )
    return Fleet(manifest, root="/repo", file="fleet.yaml")


def test_the_oldest_machine_of_a_family_decides() -> None:
    fleet = _fleet(a="x86-64-v3", b="x86-64-v2", c="")

    assert lowest_isa(fleet, "oci:/repo/images:vision") == "x86-64-v2"


def test_without_a_machine_nothing_is_known() -> None:
    assert lowest_isa(_fleet(a=""), "oci:/repo/images:vision") == ""
    assert lowest_isa(_fleet(a="x86-64-v3"), "oci:/elsewhere:vision") == ""
    assert lowest_isa(None, "oci:/repo/images:vision") == ""
