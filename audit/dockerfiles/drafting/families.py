"""The families of a draft: images that others are built on, and images that run no code of their own."""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.drafting.produced import Produced
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.model.draft import Fields, Guess

_DISTRIBUTION = re.compile(r"(?P<name>ubuntu|debian|alpine)[:-]?(?P<version>\d+(?:\.\d+)?)")
_CODENAMES = {"bullseye": "debian11", "bookworm": "debian12", "trixie": "debian13"} | {
    "focal": "ubuntu20.04",
    "jammy": "ubuntu22.04",
    "noble": "ubuntu24.04",
}
_CUDA = re.compile(r"(?:cuda|cu)[:/-]?(?P<major>\d{2})\.?(?P<minor>\d)")
_PYTHON = re.compile(r"python:(?P<version>\d\.\d+)")
_NAME = re.compile(r"[^a-z0-9]+")


class Families(msgspec.Struct, frozen=True):
    """The families by name; `of_file` says which one a Dockerfile makes, `of_base` which one an image is."""

    fields: dict[str, Fields]
    of_file: dict[str, str]
    of_base: dict[str, str]

    def under(self, image: Produced) -> str:
        """Return the family that an image is built on; empty where that is not known."""
        return self.of_file.get(image.parent) or self.of_base.get(image.base, "")


def draft_families(images: Sequence[Produced], services: Iterable[Produced], fleet: str) -> Families:
    """Return the families of all images that are no services, parents first.

    A service that is built on an image of others makes that image a family, without a Dockerfile. An image
    without a name is called as the `fleet` is.
    """
    service_paths = {image.path for image in services}
    own = {image.path: image for image in images if image.path not in service_paths}
    names = _names(own, fleet)
    families: dict[str, Fields] = {}
    for path in _parents_first(own):
        families[names[path]] = _family(own[path], names)
    of_base: dict[str, str] = {}
    for image in (one for each in images for one in (each, *each.others)):
        if image.path in service_paths and image.parent not in own and image.base:
            of_base[image.base] = _outer_name(image.base)
            families.setdefault(of_base[image.base], _outer_family(image))
    return Families(families, names, of_base)


def _names(images: Mapping[str, Produced], fleet: str) -> dict[str, str]:
    """Return a name for each Dockerfile; those of one name are told apart by their folders."""
    found: dict[str, str] = {}
    for path, image in images.items():
        name = image.name or fleet
        if name in found.values():
            name = _NAME.sub("-", path.lower()).strip("-")
        found[path] = name
    return found


def _parents_first(images: Mapping[str, Produced]) -> list[str]:
    order: dict[str, None] = {}
    for path in images:
        chain = []
        at = path
        while at in images and at not in order and at not in chain:
            chain.append(at)
            at = images[at].parent
        order |= dict.fromkeys(reversed(chain))
    return list(order)


def _family(image: Produced, names: Mapping[str, str]) -> Fields:
    fields: Fields = {}
    place = str(image.base_line)
    if image.parent in names and image.parent != image.path:
        fields["parent"] = Guess(names[image.parent], f"the FROM at {place}")
    else:
        fields["parent"] = Guess(None)
        fields |= _upstream(image.base, place)
    fields |= _gpu(image)
    platforms = sorted({platform for build in image.builds for platform in build.platforms})
    if platforms:
        fields["platforms"] = Guess(tuple(platforms))
    fields["dockerfiles"] = Guess((image.path,))
    if image.context != ".":
        fields["context"] = Guess(image.context, image.why_context)
    return fields


def _upstream(base: str, place: str) -> Fields:
    if not base or base == "scratch":
        return {}
    fields: Fields = {"upstream": Guess(base, f"the FROM at {place}")}
    system = _system(base)
    if system:
        fields["os"] = Guess(system, f"the name {base}")
    if (python := _PYTHON.search(base)) is not None:
        fields["python"] = Guess(python["version"], f"the name {base}")
    return fields


def _system(base: str) -> str:
    if (match := _DISTRIBUTION.search(base)) is not None:
        return match["name"] + match["version"]
    return next((system for word, system in _CODENAMES.items() if word in base), "")


def _gpu(image: Produced) -> Fields:
    variable = image.run.variable("NVIDIA_VISIBLE_DEVICES")
    for text, why in ((image.base, f"the FROM at {image.base_line}"), (image.name, "its name")):
        if (match := _CUDA.search(text.lower())) is not None:
            return {
                "gpu": Guess(value=True, why=why),
                "cuda": Guess(f"{match['major']}.{match['minor']}", why),
            }
    if variable is not None:
        return {"gpu": Guess(value=True, why=f"NVIDIA_VISIBLE_DEVICES at {variable.location or image.path}")}
    return {}


def _outer_name(base: str) -> str:
    try:
        parsed = parse_reference(base)
    except ReferenceInvalid:
        return _NAME.sub("-", base.lower()).strip("-")
    return _NAME.sub("-", f"{parsed.repository.rpartition('/')[2]}-{parsed.tag}".lower()).strip("-")


def _outer_family(image: Produced) -> Fields:
    place = str(image.base_line)
    return {
        "parent": Guess(None, f"no Dockerfile here makes it; {place} is built on it"),
        **_upstream(image.base, place),
    }
