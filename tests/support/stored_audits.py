"""Stored audits whose evidence is a few advisories: judged again, they find what they hold."""

from pathlib import Path

from fleet_audit.audit.model.advisories import Advisory, Reach, ReachedBy
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.identity import Digest, ImageRef, Purl
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.pipeline.audits.stored import store
from fleet_audit.audit.policy.advisory_subjects import advisory_subjects
from fleet_audit.audit.policy.part import Part, kept

TIFF = Purl("pkg:deb/debian/libtiff6@4.5.0-6%2Bdeb12u2?arch=amd64")


def grave(name: str, *services: str, affected: Purl = TIFF) -> Advisory:
    """Return a critical advisory with a fix that these services reach: it blocks."""
    return Advisory(
        name,
        "tiff",
        "deb",
        (affected,),
        aliases=(name.replace("CVE", "GHSA"),),
        severity="critical",
        fixed_in=("4.5.0-6+deb12u3",),
        reach=Reach.REACHED,
        reached_by=tuple(ReachedBy(service, 0) for service in services),
    )


def stored_audit(folder: Path, name: str, *advisories: Advisory, digits: str = "a") -> Path:
    """Store an audit of one family's image with this evidence; return its file."""
    image = ImageIdentity(ImageRef("oci", f"images:{name}", Digest("sha256:" + digits * 64)))
    part = Part("vulns", advisory_subjects(advisories, family=name))
    audit = AuditReport(
        subject=name,
        family=name,
        names=(name,),
        image=image,
        created="2026-11-19T09:00:00Z",
        advisories=advisories,
        evidence=(kept(part),),
    )
    return store(audit, folder)
