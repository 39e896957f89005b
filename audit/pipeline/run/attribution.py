"""Who brought a file of an image: a wheel, a package, and the layer of a family."""

from collections.abc import Mapping
from functools import cached_property

import msgspec

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.model.elf import EntryPoint
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.model.report import EntryReport
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject


class Attribution:
    """Answers for one image; what it needs is read when it is first asked."""

    def __init__(self, subject: Subject, scene: Scene, shared: Shared) -> None:
        """Take the opened image, and whose it is."""
        self._subject = subject
        self._scene = scene
        self._shared = shared

    def attributed(self, report: EntryReport) -> EntryReport:
        """Return a report with who brought its file, where something is wrong with it.

        dpkg's lists are asked for what belongs to no distribution.
        """
        if not report.problems:
            return report
        layer = self._scene.image.layer_of(report.entry.path)
        return msgspec.structs.replace(
            report,
            package=None if report.entry.distribution else self._package(report.entry),
            layer=None if layer is None else layer.diff_id,
            origin=None if layer is None else self._families.get(layer.diff_id),
        )

    def _package(self, entry: EntryPoint) -> str | None:
        path = self._scene.image.tree.realpath(entry.path)
        return None if path is None or self._state is None else self._state.owner(path)

    @cached_property
    def _state(self) -> InstalledState | None:
        return InstalledState.read(self._scene.image.tree)

    @cached_property
    def _families(self) -> Mapping[DiffID, str]:
        return families_of_layers(self._subject, self._shared)
