"""How packages come into an image that cannot install any: another stage installs them, and is copied from.

That stage keeps what the packages ship, below folders without links (``/usr/lib`` and not ``/lib``, which may
be a link in one image and a folder in another), and what dpkg says of them, where images without dpkg keep it
(``/var/lib/dpkg/status.d``), so that scanners still see them. What their maintainer scripts would make beside
alternatives (caches, users) does not come along.
"""

import msgspec

from fleet_audit.audit.dockerfiles.addition.instruction import refuse_unsafe
from fleet_audit.audit.dockerfiles.addition.patching import ended, why_unsafe
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.model.dockerfiles import DockerfileChange

STAGE = "fleet-audit-packages"
_KEPT = "/kept"

_KEEP = (
    f"&& kept={_KEPT} && status=$kept/var/lib/dpkg/status.d && mkdir -p $status",
    "&& for package in {packages}; do",
    '    dpkg-query -s "$package" > "$status/$package" || exit 1;',
    '    dpkg-query --control-show "$package" md5sums > "$status/$package.md5sums"',
    '    || rm "$status/$package.md5sums";',
    '    dpkg-query -L "$package" | while read -r path; do',
    '        if [ -L "$path" ] || [ -f "$path" ]; then',
    '            folder=$(readlink -f "$(dirname "$path")")',
    '            && mkdir -p "$kept$folder" && cp -a "$path" "$kept$folder/" || exit 1;',
    "        fi;",
    "    done || exit 1;",
    "done",
    "&& find /usr/bin /usr/lib -type l -lname '/etc/alternatives/*' | while read -r link; do",
    '    target=$(readlink -f "$link");',
    '    if [ -f "$kept$target" ]; then',
    '        mkdir -p "$kept$(dirname "$link")" && ln -sf "$target" "$kept$link" || exit 1;',
    "    fi;",
    "done",
)


class ForeignStage(msgspec.Struct, frozen=True):
    """What to install in a stage of its own, from which image (`base`), and which packages to copy from it.

    `roots` are ``name=version``, `packages` names: the roots and what comes with them.
    """

    base: str
    roots: tuple[str, ...]
    packages: tuple[str, ...]

    def stage(self, name: str = STAGE, *, escape: str = "\\") -> str:
        """Return the stage, without an end of line. Raises UnsafePin for what is no name or version."""
        refuse_unsafe((*self.roots, *self.packages))
        lines = [
            "RUN apt-get update",
            "&& apt-get install -y --no-install-recommends",
            *(f"    {root}" for root in sorted(set(self.roots))),
            *(line.replace("{packages}", " ".join(sorted(set(self.packages)))) for line in _KEEP),
        ]
        run = f" {escape}\n    ".join(lines)
        return f"FROM {self.base} AS {name}\n{run}"

    def copy(self, name: str = STAGE) -> str:
        """Return the instruction that takes the packages into the image."""
        return f"COPY --from={name} {_KEPT}/ /"

    def instructions(self) -> str:
        """Return both, as they are written where no Dockerfile is known."""
        return f"{self.stage()}\n\n# in the stage that is shipped:\n{self.copy()}"


def patch_with_stage(source: str, wanted: ForeignStage, *, path: str = "Dockerfile") -> DockerfileChange:
    """Return the change of the Dockerfile `source` that gives its final stage these packages.

    The new stage stands before the final one, so that no other stage's number changes, and the COPY behind
    the final FROM. Applying the change again changes nothing. Raises UnsafePin.
    """
    dockerfile = parse(source)
    final = dockerfile.target("")
    if final is None:
        return DockerfileChange(path, source, source, "the Dockerfile has no FROM")
    if why := why_unsafe(dockerfile):
        return DockerfileChange(path, source, source, why)
    lines = source.split("\n")
    carriage = "\r" if lines[0].endswith("\r") else ""
    if _has(dockerfile, wanted):
        return DockerfileChange(path, source, source)
    name = _free_name(dockerfile)
    stage = [*wanted.stage(name, escape=dockerfile.escape).split("\n"), ""]
    first, last = final.line, final.instructions[0].last_line
    # A continuation at the end of the file would take the new instruction in.
    continued = final.instructions[0].pieces[-1].line - 1
    lines[continued] = ended(lines[continued], dockerfile.escape)
    after = [
        *lines[: first - 1],
        *(line + carriage for line in stage),
        *lines[first - 1 : last],
        wanted.copy(name) + carriage,
        *lines[last:],
    ]
    if last == len(lines):
        # The file had no line feed at its end, and gets none.
        after[-2:] = [after[-2].removesuffix("\r") + carriage, after[-1].removesuffix("\r")]
    return DockerfileChange(path, source, "\n".join(after))


def _has(dockerfile: Dockerfile, wanted: ForeignStage) -> bool:
    (run,) = parse(wanted.stage()).stages[0].instructions[1:]
    words = run.body.split()
    return any(each.body.split() == words for stage in dockerfile.stages for each in stage.instructions)


def _free_name(dockerfile: Dockerfile) -> str:
    taken = {stage.name for stage in dockerfile.stages}
    names = (STAGE, *(f"{STAGE}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
