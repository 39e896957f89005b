"""What all analyses of one run share: knowledge, rules, records of source files, archives."""

import os
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.tree import FileTree
from fleet_audit.audit.knowledge.base import Knowledge, load_knowledge, packaged_knowledge
from fleet_audit.audit.model.exemption import Exemption
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.pipeline.run.settings import Settings, configuration_store
from fleet_audit.audit.policy.evaluation import check_exemptions
from fleet_audit.audit.policy.loading import DEFAULT_POLICY, Named, load_rules, packaged_rules, policy_called
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.tools.folder_store import FolderStore

if TYPE_CHECKING:
    from fleet_audit.audit.apt.archive.index import Archive
    from fleet_audit.audit.apt.archive.sources import ArchiveSource
    from fleet_audit.audit.static_imports.source.store import RecordStore
    from fleet_audit.audit.tools.fetch import Fetcher

SOURCE_RECORDS = "sources"
DOWNLOADS = "downloads"
ARCHIVES = "archives"
ANSWERS = "answers"
SCANNERS = "scanners"
"""Which version each build of a scanner is; some take seconds to say so."""

COPIES = "copies"
"""Throw-away copies of images, while they are used."""


class Shared:
    """Everything that is loaded once for a run; each part is loaded when it is first asked for."""

    def __init__(self, settings: Settings, fleet: Fleet | None = None) -> None:
        """Take the run's settings, and the fleet whose rules and policy hold."""
        self.settings = settings
        self.fleet = fleet

    @cached_property
    def knowledge(self) -> Knowledge:
        """Return the facts that cannot be derived; raises ConfigurationError where a row is broken."""
        folders = (folder.path / "knowledge" for folder in self.own_rules)
        own = (folder for folder in folders if folder.is_dir())
        return load_knowledge((packaged_knowledge(), *own), self._configuration)

    @cached_property
    def rules(self) -> RuleSet:
        """Return the policy's rules; raises ConfigurationError where one, or an exemption, is broken."""
        rules = load_rules((packaged_rules(), *self.own_rules), self.policy, self._configuration)
        check_exemptions(rules, self.exemptions, self.fleet.lines if self.fleet else {})
        return rules

    @property
    def policy(self) -> Named:
        """Return the policy to judge by: the run's own, else the manifest's, else the packaged default."""
        if self.settings.policy:
            return policy_called(self.settings.policy, Path())
        if self.fleet is not None and self.fleet.manifest.policy:
            return policy_called(self.fleet.manifest.policy, Path(self.fleet.root))
        return policy_called(DEFAULT_POLICY, Path())

    @property
    def own_rules(self) -> tuple[Named, ...]:
        """Return the folders of rules that the manifest names, and those of the run."""
        named: Iterable[str] = self.fleet.manifest.rules if self.fleet else ()
        below = [Named(path, name) for name in named if (path := self._below_root(name)) is not None]
        return (*below, *(Named(path, str(path)) for path in self.settings.rules))

    @cached_property
    def records(self) -> "RecordStore":
        """Return where records of source files are kept."""
        return FolderStore(self.settings.cache_dir / SOURCE_RECORDS)

    @cached_property
    def archive(self) -> "Archive":
        """Return what reads package archives."""
        from fleet_audit.audit.apt.archive.index import Archive  # noqa: PLC0415  (60 ms; only planning pays for it)
        from fleet_audit.audit.tools.gpgv import find_gpgv  # noqa: PLC0415  (the same)

        folder = self.settings.cache_dir / ARCHIVES
        now = datetime.fromisoformat(self.settings.created)
        gpgv = find_gpgv(os.environ)
        return Archive(self.fetcher, folder, now=now, progress=self.settings.progress, gpgv=gpgv)

    @cached_property
    def fetcher(self) -> "Fetcher":
        """Return what downloads things, and keeps them."""
        from fleet_audit.audit.tools.fetch import Fetcher  # noqa: PLC0415  (as for `archive`)

        return Fetcher(self.settings.cache_dir / DOWNLOADS, is_offline=self.settings.is_offline)

    @cached_property
    def machine_sources(self) -> "tuple[ArchiveSource, ...]":
        """Return the archives that this machine's own apt uses; empty where it has none."""
        from fleet_audit.audit.apt.archive.sources import configured_sources  # noqa: PLC0415  (as for `archive`)

        return configured_sources(self.machine).sources

    @cached_property
    def machine(self) -> FileTree:
        """Return the files of this machine."""
        return open_folder(Path("/"))

    @property
    def exemptions(self) -> tuple[Exemption, ...]:
        """Return what services are exempt from by their own word in the manifest."""
        services = self.fleet.manifest.services if self.fleet else ()
        return tuple(Exemption(s.name, i.rule, i.reason) for s in services for i in s.ignore)

    @cached_property
    def answers(self) -> FolderStore:
        """Return where answers are kept that depend on an image alone."""
        return FolderStore(self.settings.cache_dir / ANSWERS)

    @cached_property
    def _configuration(self) -> FolderStore:
        return configuration_store(self.settings.cache_dir)

    def _below_root(self, name: str) -> Path | None:
        return Path(os.path.join(self.fleet.root, name)) if self.fleet and name else None
