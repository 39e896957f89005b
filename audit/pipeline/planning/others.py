"""What the analysis of one image asks of other images of the same run."""

from typing import Protocol

from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.pipeline.planning.beneath import Beneath

Answered = frozenset[tuple[NeedKind, str]]
"""Needs that an image answers, by kind and name."""


class Others(Protocol):
    """Asked once something is missing, since other images are analysed for the answer."""

    def beneath(self, image: ImageIdentity) -> Beneath:
        """Return what is known of the families that the image is built on."""
        ...

    def own_image(self, service: str) -> Answered | None:
        """Return what the image that is built of a service alone answers; None where there is none."""
        ...


class Alone:
    """An image beside which nothing is known."""

    def beneath(self, _image: ImageIdentity) -> Beneath:
        """Return no family."""
        return Beneath()

    def own_image(self, _service: str) -> Answered | None:
        """Return no image."""
        return None


ALONE = Alone()
