"""What an image that is stored, or one of others that is known, would run."""

from fleet_audit.audit.model.image import Healthcheck, ImageConfig
from fleet_audit.audit.model.running import (
    CommandLine,
    HealthSetting,
    RunConfiguration,
    Setting,
    Variable,
)


def of_image(config: ImageConfig) -> RunConfiguration:
    """Return what an image would run, by its configuration; no line says so."""
    return RunConfiguration(
        user=Setting(config.user or "0"),
        entrypoint=CommandLine(config.entrypoint) if config.entrypoint else None,
        cmd=CommandLine(config.cmd) if config.cmd else None,
        working_dir=Setting(config.working_dir),
        health=_health(config.healthcheck),
        stop_signal=Setting(config.stop_signal) if config.stop_signal else None,
        env=tuple(Variable(name, value) for name, value in config.env.items()),
        labels=tuple(Variable(name, value) for name, value in config.labels.items()),
        ports=tuple(Setting(port) for port in config.exposed_ports),
        volumes=tuple(Setting(volume) for volume in config.volumes),
        triggers=tuple(Setting(trigger) for trigger in config.on_build),
        shell=config.shell,
    )


def _health(check: Healthcheck | None) -> HealthSetting | None:
    if check is None or not check.test:
        return None
    return HealthSetting(
        test=check.test,
        interval=_seconds(check.interval_seconds),
        timeout=_seconds(check.timeout_seconds),
        retries=str(check.retries or ""),
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s" if seconds else ""
