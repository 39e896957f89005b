"""Which Dockerfiles BuildKit refuses."""

from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds
from fleet_audit.audit.policy.dockerfile_subjects import refusal_subjects
from fleet_audit.audit.policy.facts import Subject


def examine(grounds: Grounds) -> Examined:
    """Return one subject for each reason for which a Dockerfile is not built."""
    subjects: list[Subject] = []
    for account in grounds.accounts:
        services, families = grounds.users(account.builds)
        subjects += refusal_subjects(account.path, account.rejections, services=services, families=families)
    return Examined(tuple(subjects))
