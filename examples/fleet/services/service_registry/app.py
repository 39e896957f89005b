"""ServiceRegistry: who is there, where, and since when nobody heard of it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, suppress

import httpx
import redis.asyncio as redis
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from tenacity import retry, stop_after_attempt, wait_exponential

from common.health import add_health, serve
from common.settings import settings

log = logging.getLogger("service_registry")

SILENT_AFTER = 30.0
KEY = "registry:services"


class Entry(BaseModel):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{1,63}$")
    machine: str
    url: str
    health: str
    seen: float = 0.0

    @property
    def is_silent(self) -> bool:
        return time.time() - self.seen > SILENT_AFTER


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.store = redis.from_url(settings().redis_url)
    app.state.watch = asyncio.create_task(watch())
    yield
    app.state.watch.cancel()
    await app.state.store.aclose()


app = FastAPI(title="ServiceRegistry", lifespan=lifespan)
add_health(app)


async def entries() -> list[Entry]:
    return [Entry.model_validate_json(raw) for raw in await app.state.store.hvals(KEY)]


@retry(stop=stop_after_attempt(3), wait=wait_exponential(max=2.0))
async def ask(client: httpx.AsyncClient, entry: Entry) -> bool:
    return (await client.get(entry.health)).status_code == 200


async def watch() -> None:
    async with httpx.AsyncClient(timeout=2.0) as client:
        while True:
            for entry in await entries():
                with suppress(httpx.HTTPError):
                    if await ask(client, entry):
                        await remember(entry)
            await asyncio.sleep(10.0)


async def remember(entry: Entry) -> None:
    fresh = entry.model_copy(update={"seen": time.time()})
    await app.state.store.hset(KEY, entry.name, fresh.model_dump_json())


@app.put("/services/{name}")
async def register(name: str, entry: Entry) -> Entry:
    if name != entry.name:
        raise HTTPException(422, "the name in the path and in the body differ")
    await remember(entry)
    return entry


@app.get("/services")
async def services(machine: str | None = None) -> list[Entry]:
    found = [entry for entry in await entries() if machine in (None, entry.machine)]
    return sorted(found, key=lambda entry: entry.name)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
