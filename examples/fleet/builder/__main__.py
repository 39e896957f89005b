"""The command line of the image builder."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from platformdirs import user_cache_path

from examples.fleet.builder.archive import Archive, sources_for
from examples.fleet.builder.build import Additions, Builder, Plan, plan
from examples.fleet.builder.export import Format, export
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.layers import Compression
from examples.fleet.builder.oci import Layout
from examples.fleet.builder.recipes import DEMO, RECIPES, chain
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.tools.fetch import Fetcher

LAYOUT = Path(__file__).parent.parent / "build" / "images"


class _Proposal(msgspec.Struct, frozen=True):
    roots: tuple[str, ...] = ()


class _Subject(msgspec.Struct, frozen=True):
    proposal: _Proposal = _Proposal()


class _Document(_Subject, frozen=True):
    subjects: tuple[_Subject, ...] = ()


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def main() -> None:
    """Build the example's images without an engine and without root."""


@main.command("list")
def list_images() -> None:
    """List the images that can be built, each with its parent."""
    for recipe in RECIPES.values():
        notes = [f"from {recipe.parent}" if recipe.parent else "from Debian's archive"]
        notes += [f"a variant of {recipe.variant_of}"] if recipe.variant_of else []
        notes += ["only with --with-cuda-wheels"] if recipe.needs_cuda_wheels else []
        click.echo(f"{recipe.name:32} {', '.join(notes)}")


@main.command()
@click.argument("images", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Build every image but those of --with-cuda-wheels.")
@click.option(
    "--with-cuda-wheels", is_flag=True, help="Build the variants with several gigabytes of CUDA, too."
)
@click.option("--output", type=click.Path(path_type=Path), default=LAYOUT, help="The OCI layout to write to.")
@click.option("--compression", type=click.Choice([c.value for c in Compression]), default="gzip")
@click.option("--archive", default="", help="Base address of a Debian archive, or several.")
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Where downloads are kept.")
@click.option("--add-apt", multiple=True, metavar="PKG[=VERSION]", help="One more layer with these packages.")
@click.option(
    "--add-plan", type=click.Path(path_type=Path), help="The same, from `fleet-audit deps -o json`."
)
@click.option("--replace-wheel", multiple=True, metavar="OLD=NEW", help="Install NEW in the place of OLD.")
@click.option("--tag", default="", help="The tag of a single image (default: its name, changed or not).")
@click.option("--revision", default="unknown", help="The revision that the labels name.")
@click.option("--force", is_flag=True, help="Build what is built already.")
def build(  # noqa: PLR0913, PLR0917  (one parameter for each option; click passes them by name)
    images: Sequence[str],
    is_all: bool,
    with_cuda_wheels: bool,
    output: Path,
    compression: str,
    archive: str,
    cache_dir: Path | None,
    add_apt: Sequence[str],
    add_plan: Path | None,
    replace_wheel: Sequence[str],
    tag: str,
    revision: str,
    force: bool,
) -> None:
    """Build IMAGES (default: the two of the demonstration) with their parents into an OCI layout."""
    started = time.monotonic()
    additions = Additions(
        apt=(*add_apt, *(proposed(add_plan) if add_plan else ())),
        wheels=_replacements(replace_wheel),
    )
    cache = cache_dir or user_cache_path("fleet-audit-example")
    held = _downloads_in(cache)
    debian = Archive(sources_for(archive), Fetcher(cache / "debian"))
    plans = _plans(_selected(images, is_all=is_all, with_cuda=with_cuda_wheels), debian, additions, tag)
    layout = Layout(output)
    builder = Builder(layout, debian, cache, Compression(compression), say=_say)
    with layout.locked():
        for planned in plans:
            if builder.is_built(planned, revision) and not force:
                _say(f"{planned.tag}: is up to date")
            else:
                builder.build(planned, revision, anew=force)
            _say(f"{planned.tag}: {_size(layout, planned.tag)}")
        layout.drop_unused()
    _say(f"{time.monotonic() - started:.1f} s, {(_downloads_in(cache) - held) / 1e6:.0f} MB downloaded")


@main.command("export")
@click.argument("tag")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--layout", type=click.Path(path_type=Path), default=LAYOUT, help="The OCI layout to read from."
)
@click.option("--format", "form", type=click.Choice([f.value for f in Format]), default="oci")
@click.option("--compression", type=click.Choice([c.value for c in Compression]), default="gzip")
def export_image(tag: str, destination: Path, layout: Path, form: str, compression: str) -> None:
    """Write the image TAG of a layout to DESTINATION in another format or compression."""
    export(Layout(layout), tag, destination, Format(form), Compression(compression))


def _selected(images: Sequence[str], *, is_all: bool, with_cuda: bool) -> list[str]:
    wanted = list(images) or ([] if is_all or with_cuda else list(DEMO))
    if is_all:
        wanted += [recipe.name for recipe in RECIPES.values() if not recipe.needs_cuda_wheels]
    if with_cuda:
        wanted += [recipe.name for recipe in RECIPES.values() if recipe.needs_cuda_wheels]
    return list(dict.fromkeys(wanted))


def _plans(wanted: Sequence[str], debian: Archive, additions: Additions, tag: str) -> list[Plan]:
    if additions == Additions() and not tag:
        # Their layers are written anyway, so the parents are images as well.
        every = dict.fromkeys(recipe.name for name in wanted for recipe in chain(name))
        return [plan(name, name, debian, additions) for name in every]
    if tag and len(wanted) != 1:
        raise BuildError("--tag", "names one image, so give exactly one to build")
    return [plan(tag or f"{name}-changed", name, debian, additions) for name in wanted]


def _size(layout: Layout, tag: str) -> str:
    layers = layout.image(tag).layers
    return f"{sum(layer['size'] for layer in layers) / 1e6:.0f} MB in {len(layers)} layers"


def _downloads_in(folder: Path) -> int:
    kept = [path for part in ("debian", "wheels") for path in (folder / part).rglob("*")]
    return sum(path.stat().st_size for path in kept if path.is_file())


def _replacements(pairs: Sequence[str]) -> dict[str, str]:
    parted = [pair.partition("=") for pair in pairs]
    if wrong := [old + equals + new for old, equals, new in parted if not (old and new)]:
        raise BuildError(f"--replace-wheel {wrong[0]}", "is not OLD=NEW")
    return {old: new for old, _, new in parted}


def proposed(path: Path) -> list[str]:
    """Return the roots of all proposals in a document of ``fleet-audit deps``."""
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except (OSError, msgspec.MsgspecError) as e:
        raise BuildError(str(path), f"is no document of `fleet-audit deps`: {e}") from e
    proposals = (document.proposal, *(subject.proposal for subject in document.subjects))
    return sorted({root for proposal in proposals for root in proposal.roots})


def run(command: click.Command = main, name: str = "builder") -> None:
    """Run the command line; an expected failure is one sentence and its exit code."""
    try:
        command(prog_name=name)
    except FleetAuditError as e:
        sys.stderr.write(f"{name}: {e}\n")
        sys.exit(e.exit_code)
    except OSError as e:
        sys.stderr.write(f"{name}: {e.filename}: {e.strerror}\n")
        sys.exit(FleetAuditError.exit_code)


if __name__ == "__main__":
    run()
