"""Where a service listens, and on which machine it runs."""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings that every service has; read from the environment, prefix ``SVC_``."""

    model_config = SettingsConfigDict(env_prefix="SVC_", extra="ignore")

    machine: str = "mainpc"
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    health_port: int = Field(default=0, ge=0, le=65535)
    redis_url: str = "redis://redis:6379/0"
    registry_url: str = "http://service-registry:7200"
    models: Path = Path("/models")


@lru_cache(maxsize=1)
def settings() -> ServiceSettings:
    """Return the settings, with ports moved by ``PORT_OFFSET``."""
    offset = int(os.environ.get("PORT_OFFSET", "0"))
    read = ServiceSettings()
    if not offset:
        return read
    return read.model_copy(update={"port": read.port + offset, "health_port": read.health_port + offset})
