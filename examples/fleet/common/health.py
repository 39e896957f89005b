"""The health endpoint that every container's HEALTHCHECK asks."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

import uvicorn
from fastapi import FastAPI, Response

from common.settings import settings

log = logging.getLogger(__name__)

Check = Callable[[], bool]
_STARTED = time.monotonic()


def add_health(app: FastAPI, checks: Mapping[str, Check] | None = None) -> FastAPI:
    """Give `app` a ``/health`` that is 200 while all checks hold, else 503."""
    named = dict(checks or {})

    @app.get("/health")
    def health(response: Response) -> dict[str, object]:
        failed = sorted(name for name, check in named.items() if not check())
        response.status_code = 503 if failed else 200
        return {"ok": not failed, "failed": failed, "uptime": round(time.monotonic() - _STARTED, 1)}

    return app


def serve(app: FastAPI) -> None:
    """Serve `app` at the configured port until the process is told to stop."""
    configured = settings()
    log.info("listening on %s:%d", configured.host, configured.port)
    uvicorn.run(app, host=configured.host, port=configured.port, log_config=None)


def serve_health_beside(checks: Mapping[str, Check] | None = None) -> threading.Thread:
    """Serve only ``/health`` in a thread: for services whose main loop is no web server."""
    app = add_health(FastAPI(title="health"), checks)
    configured = settings()
    server = uvicorn.Server(uvicorn.Config(app, host=configured.host, port=configured.health_port))
    thread = threading.Thread(target=server.run, name="health", daemon=True)
    thread.start()
    return thread
