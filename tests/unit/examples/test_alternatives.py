import io

from examples.fleet.builder.alternatives import Choice, declared, install
from examples.fleet.builder.filesystem import FileSystem, LayerWriter

MAWK = """\
#!/bin/sh
if [ "$1" = "configure" ]; then
        update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\
            --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz \\
            --slave /usr/bin/nawk nawk /usr/bin/mawk
fi
"""


def layer_with(*paths: str) -> LayerWriter:
    layer = LayerWriter(FileSystem(), io.BytesIO())
    for path in paths:
        layer.file(path, b"")
    return layer


def target(layer: LayerWriter, path: str) -> str:
    return "/" + layer.files.resolve(path)


def test_a_script_declares_its_choice_over_several_lines() -> None:
    (choice,) = declared(MAWK)

    assert (choice.link, choice.name, choice.path, choice.priority) == (
        "/usr/bin/awk",
        "awk",
        "/usr/bin/mawk",
        5,
    )
    assert [name for _, name, _ in choice.slaves] == ["awk.1.gz", "nawk"]


def test_commands_with_variables_and_removals_are_passed_over() -> None:
    script = 'update-alternatives --install "$DIR/ps" ps x 50\nupdate-alternatives --remove w /usr/bin/w\n'

    assert list(declared(script)) == []


def test_links_follow_and_slaves_without_a_file_do_not() -> None:
    layer = layer_with("usr/bin/mawk")

    install(layer, [MAWK])

    assert target(layer, "usr/bin/awk") == "/usr/bin/mawk"
    assert target(layer, "usr/bin/nawk") == "/usr/bin/mawk"
    assert layer.files.get("usr/share/man/man1/awk.1.gz") is None


def test_the_highest_priority_wins_and_an_earlier_layers_choices_are_remembered() -> None:
    layer = layer_with("usr/bin/mawk", "usr/bin/gawk", "usr/bin/original")
    install(layer, [MAWK])

    install(layer, ["update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10\n"])
    assert target(layer, "usr/bin/awk") == "/usr/bin/gawk"
    install(layer, ["update-alternatives --install /usr/bin/awk awk /usr/bin/original 1\n"])

    assert target(layer, "usr/bin/awk") == "/usr/bin/gawk"
    database = layer.files.read("var/lib/dpkg/alternatives/awk").decode().split("\n")
    assert database[:2] == ["auto", "/usr/bin/awk"]
    assert {"/usr/bin/mawk", "/usr/bin/gawk", "/usr/bin/original"} <= set(database)


def test_a_choice_whose_file_is_not_there_is_no_choice() -> None:
    layer = layer_with()

    install(layer, ["update-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10\n"])

    assert layer.files.get("usr/bin/awk") is None
    assert Choice("l", "n", "p", 1).slaves == ()
