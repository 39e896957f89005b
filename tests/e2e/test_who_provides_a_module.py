"""Who provides a module: which family of a chain, by the layer, or which other name was meant."""

from tests.support.worlds import SERVICE, Document, World, installed

BASE, CHILD = "base", "child"
YAML = installed("pyyaml", {"yaml/__init__.py": ""})
RICH = installed("rich", {"rich/__init__.py": ""})


def providers(document: Document) -> dict[str, str]:
    (service,) = document["services"]
    return {found["module"]: found["provided_by"] for found in service["imports"]}


def test_a_layer_of_the_parent_is_the_parents_and_one_of_its_own_the_childs(world: World) -> None:
    world.family(BASE, YAML).family(CHILD, YAML, RICH, parent=BASE)
    world.service(SERVICE, "import yaml\nimport rich\nimport json\nimport gone\n", family=CHILD)
    assert providers(world.run("imports", CHILD).document) == {
        "yaml": f"family:{BASE}",
        "rich": f"family:{CHILD}",
        "json": "stdlib",
        "gone": None,
    }


def test_a_layer_that_the_child_adds_over_the_parents_file_is_the_childs(world: World) -> None:
    newer = installed("pyyaml", {"yaml/__init__.py": "version = 2\n"}, version="2.0")
    world.family(BASE, YAML).family(CHILD, YAML, newer, parent=BASE)
    world.service(SERVICE, "import yaml\n", family=CHILD)
    assert providers(world.run("imports", CHILD).document) == {"yaml": f"family:{CHILD}"}


def test_a_family_whose_parent_is_not_built_provides_the_parents_layers_too(world: World) -> None:
    world.family(BASE, image="oci:images/not-built").family(CHILD, YAML, parent=BASE)
    world.service(SERVICE, "import yaml\n", family=CHILD)
    assert providers(world.run("imports", CHILD).document) == {"yaml": f"family:{CHILD}"}


def test_a_slip_of_the_hand_is_told_with_what_was_meant(world: World) -> None:
    world.family(BASE).service(SERVICE, "import nunpy\nimport yaml\n", family=BASE)
    answer = world.run("imports", BASE, "-o", "text")
    remedies = {finding["subject"]: finding["remedy"] for finding in answer.document["findings"]}
    assert remedies["module:nunpy"].startswith("correct the import if numpy is meant")
    assert "look at pyyaml" in remedies["module:yaml"]
    assert "numpy?" in answer.out
