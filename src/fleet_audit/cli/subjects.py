"""What the words of a command line mean: images, families and services."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.manifest import need_fleet

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.run.subject import Subject


def bare_image(reference: str) -> "Subject":
    """Return an image that no manifest speaks of, without the source of a service."""
    from fleet_audit.audit.pipeline.run.subject import image_subject  # noqa: PLC0415  (not for --help)

    return image_subject(reference, source=None, entry="")


def meant(word: str, fleet: "Fleet | None", *, image: str | None = None) -> "Subject":
    """Return the image that a word names, else the family or service; `image` replaces the manifest's.

    Raises UsageError where the word is none of them, and where `image` would replace an image.
    """
    from fleet_audit.audit.pipeline.run.subject import named_subject, names_image  # noqa: PLC0415  (the same)

    if not names_image(word, fleet):
        return named_subject(need_fleet(fleet, word), word, image=image)
    if image is not None:
        raise UsageError(
            "--image replaces the image of one family or service; name one, or leave --image out"
        )
    return bare_image(word)


def all_meant(words: Sequence[str], image: str | None, fleet: "Fleet | None") -> "list[Subject]":
    """Return what each word means, or `image` alone where there is no word.

    Raises UsageError as `meant` does, and where one image would replace those of several.
    """
    if image is not None and len(words) > 1:
        raise UsageError("--image replaces the image of one family or service; name only one")
    if image is not None and not words:
        return [bare_image(image)]
    return [meant(word, fleet, image=image) for word in words]


def one_meant(
    words: Sequence[str], image: str | None, fleet: "Fleet | None", *, or_else: str = ""
) -> "Subject":
    """Return the one subject that words and `image` mean.

    Raises UsageError as `meant` does, where there are several, and where there is none: with `or_else`, what
    else could have been given.
    """
    if len(words) > 1:
        raise UsageError("one document holds one image; name one family, service or image")
    if not words and image is None:
        raise UsageError(f"name a family, a service or an image{or_else}")
    (subject,) = all_meant(words, image, fleet)
    return subject


def every_family(fleet: "Fleet", *, gpu: bool = False, image: str | None = None) -> "list[Subject]":
    """Return each family that has services, only GPU families with `gpu`; raise UsageError without any."""
    from fleet_audit.audit.pipeline.run.subject import chosen_families, named_subject  # noqa: PLC0415  (the same)

    return [named_subject(fleet, name, image=image) for name in chosen_families(fleet, gpu=gpu)]
