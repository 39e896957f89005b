"""What an image would run, as ``inspect/1`` (CONTRACT: Documents)."""

from collections.abc import Sequence

from fleet_audit.audit.model.inspection import (
    AskedHealth,
    DetectedService,
    InspectReport,
    LayerSize,
    ResolvedUser,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import CommandLine, HealthSetting, Setting, Variable
from fleet_audit.reports.documents import Fields, document_of, image_fields
from fleet_audit.reports.options import RenderOptions


def inspect_document(reports: Sequence[InspectReport], options: RenderOptions) -> str:
    """Return ``inspect/1``; the value of a secret is null."""
    return document_of("inspect", reports, options, _inspect)


def _inspect(report: InspectReport) -> Fields:
    run = report.run
    return {
        "image": image_fields(report.image),
        "dockerfile": report.dockerfile or None,
        "target": report.target or None,
        "bases": list(report.bases),
        "unknown_base": run.unknown_base or None,
        "entrypoint": _command(run.entrypoint),
        "cmd": _command(run.cmd),
        "user": _user(report.user),
        "working_dir": _setting(run.working_dir),
        "ports": [_setting(port) for port in run.ports],
        "volumes": [_setting(volume) for volume in run.volumes],
        "environment": [_variable(variable, report.masked) for variable in run.env],
        "labels": [_variable(label, report.masked) for label in run.labels],
        "health": _health(run.health, report.health),
        "stop_signal": _setting(run.stop_signal),
        "onbuild": [_setting(trigger) for trigger in run.triggers],
        "services": [_service(service) for service in report.services],
        "layers": [_layer(layer) for layer in report.layers],
    }


def _place(location: SourceLocation | None) -> Fields | None:
    return None if location is None else {"path": location.path, "line": location.line}


def _command(command: CommandLine | None) -> Fields | None:
    if command is None:
        return None
    return {"words": list(command.words), "location": _place(command.location)}


def _setting(setting: Setting | None) -> Fields | None:
    if setting is None:
        return None
    return {"value": setting.value, "known": setting.is_known, "location": _place(setting.location)}


def _variable(variable: Variable, masked: Sequence[str]) -> Fields:
    is_masked = variable.name in masked
    return {
        "name": variable.name,
        "value": None if is_masked else variable.value,
        "masked": is_masked,
        "known": variable.is_known,
        "location": _place(variable.location),
    }


def _user(user: ResolvedUser | None) -> Fields | None:
    if user is None:
        return None
    return {
        "written": user.written,
        "uid": user.uid if user.uid >= 0 else None,
        "gid": user.gid if user.gid >= 0 else None,
        "name": user.name or None,
        "home": user.home or None,
        "location": _place(user.location),
    }


def _health(check: HealthSetting | None, asked: AskedHealth | None) -> Fields | None:
    if check is None:
        return None
    return {
        "test": list(check.test),
        "programs": list(asked.programs) if asked else [],
        "port": (asked.port or None) if asked else None,
        "path": (asked.path or None) if asked else None,
        "interval": check.interval or None,
        "timeout": check.timeout or None,
        "retries": check.retries or None,
        "location": _place(check.location),
    }


def _service(service: DetectedService) -> Fields:
    return {
        "id": service.id,
        "kind": service.kind,
        "name": service.name,
        "confidence": service.confidence,
        "evidence": [
            {"kind": sign.kind, "name": sign.name, "where": sign.where or None} for sign in service.signs
        ],
    }


def _layer(layer: LayerSize) -> Fields:
    return {
        "diff_id": layer.diff_id,
        "stored_bytes": layer.stored_bytes,
        "unpacked_bytes": layer.unpacked_bytes if layer.unpacked_bytes >= 0 else None,
        "seen_bytes": layer.seen_bytes if layer.seen_bytes >= 0 else None,
        "seen_files": layer.seen_files if layer.seen_files >= 0 else None,
        "created_by": layer.created_by or None,
    }
