"""UnifiedObservabilityCenter: one page and one metrics endpoint for the whole house."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import httpx
import psutil
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse
from jinja2 import Environment, select_autoescape
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from common.health import add_health, serve
from common.settings import settings
from traces import tracer

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger("observability")

UP = Gauge("service_up", "Whether a service answered its last health check", ["service", "machine"])
LOAD = Gauge("machine_load", "Load average over a minute")
PAGE = Environment(autoescape=select_autoescape(default=True)).from_string(
    """<!doctype html><title>House</title>
<table>{% for row in rows %}<tr><td>{{ row.name }}<td>{{ row.machine }}<td>{{ "up" if row.up else "silent" }}
{% endfor %}</table>"""
)

app = FastAPI(title="UnifiedObservabilityCenter")
add_health(app)


async def rows() -> list[dict[str, object]]:
    with tracer().start_as_current_span("registry"):
        async with httpx.AsyncClient(base_url=settings().registry_url, timeout=3.0) as client:
            services = (await client.get("/services")).json()
            return list(await asyncio.gather(*(row(client, service) for service in services)))


async def row(client: httpx.AsyncClient, service: dict[str, str]) -> dict[str, object]:
    try:
        up = (await client.get(service["health"])).status_code == 200
    except httpx.HTTPError:
        up = False
    UP.labels(service["name"], service["machine"]).set(up)
    return {"name": service["name"], "machine": service["machine"], "up": up}


def silent(seen: Iterable[dict[str, object]]) -> list[str]:
    return sorted(str(entry["name"]) for entry in seen if not entry["up"])


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE.render(rows=await rows())


@app.get("/metrics")
async def metrics() -> Response:
    LOAD.set(psutil.getloadavg()[0])
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.websocket("/alerts")
async def alerts(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_json({"silent": silent(await rows())})
            await asyncio.sleep(5.0)
    except WebSocketDisconnect:
        log.info("a watcher left")


@app.post("/page-someone")
async def page_someone(text: str) -> None:
    """Send a push message; its client is a heavy import and alerts are rare."""
    import apprise

    apprise.Apprise(settings().registry_url).notify(body=text)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
