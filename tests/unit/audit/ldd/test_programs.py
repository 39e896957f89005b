"""Which executables an image starts by itself."""

from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.ldd.programs import executables
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import Healthcheck, ImageConfig
from tests.support.elf import ImageBuilder, image


def started(builder: ImageBuilder, config: ImageConfig) -> list[str]:
    built = builder.build()

    def find(name: str) -> ImagePath | None:
        path = built.tree.realpath(ImagePath(name if "/" in name else f"/usr/bin/{name}"))
        entry = None if path is None else built.tree.entry(path)
        return path if entry is not None and entry.kind is FileKind.FILE else None

    return [entry.path for entry in executables(built.tree, built.elf, config, find)]


def programs(*names: str) -> ImageBuilder:
    builder = image()
    for name in names:
        builder.elf(f"/usr/bin/{name}")
    return builder


def test_the_program_behind_an_init_is_started_too() -> None:
    config = ImageConfig(entrypoint=("tini", "-g", "--"), cmd=("python3", "app.py"))

    assert started(programs("tini", "python3", "other"), config) == ["/usr/bin/python3", "/usr/bin/tini"]


def test_a_shell_text_starts_each_of_its_commands() -> None:
    config = ImageConfig(
        entrypoint=("/usr/bin/sh", "-c", "PORT=1 migrate --now && exec serve '; other' | tee")
    )

    assert started(programs("sh", "migrate", "serve", "other", "tee"), config) == [
        "/usr/bin/migrate",
        "/usr/bin/serve",
        "/usr/bin/sh",
        "/usr/bin/tee",
    ]


def test_a_shell_text_that_does_not_lex_is_no_error() -> None:
    config = ImageConfig(entrypoint=("/usr/bin/sh", "-c", "serve 'open"))

    assert started(programs("sh", "serve"), config) == ["/usr/bin/serve", "/usr/bin/sh"]


def test_a_script_stands_for_its_interpreter() -> None:
    world = programs("env", "python3").file("/app/run", "#!/usr/bin/env -S python3 -u\nprint()\n", mode=0o755)

    assert started(world, ImageConfig(entrypoint=("/app/run",))) == ["/usr/bin/env", "/usr/bin/python3"]


def test_a_script_that_names_itself_ends() -> None:
    world = image().file("/app/run", "#!/app/run\n", mode=0o755)

    assert started(world, ImageConfig(entrypoint=("/app/run",))) == []


def test_health_checks_count_in_both_forms_and_none_does_not() -> None:
    world = programs("curl", "wget", "NONE")
    first = ImageConfig(healthcheck=Healthcheck(test=("CMD", "curl", "-f", "wget")))
    second = ImageConfig(healthcheck=Healthcheck(test=("CMD-SHELL", "wget -q x || exit 1")))

    assert started(world, first) == ["/usr/bin/curl"]
    assert started(world, second) == ["/usr/bin/wget"]
    assert started(world, ImageConfig(healthcheck=Healthcheck(test=("NONE",)))) == []
