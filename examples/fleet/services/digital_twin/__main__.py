"""SystemDigitalTwin: what the house would do, if."""

import logging
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Response

from common.health import add_health, serve
from services.digital_twin.graph import House, Outage
from services.digital_twin.store import Store

log = logging.getLogger("digital_twin")


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with Store.open("/data/twin.sqlite3") as store:
        app.state.store = store
        app.state.house = House.from_rows(await store.rows())
        yield


app = FastAPI(title="SystemDigitalTwin", lifespan=lifespan)
add_health(app)


@app.put("/depends/{service}")
async def depends(service: str, on: list[str]) -> Response:
    app.state.house.add(service, on)
    await app.state.store.save(service, on)
    return Response(status_code=204)


@app.get("/outage/{service}")
def outage(service: str) -> Outage:
    return app.state.house.outage(service)


@app.get("/graph")
def graph() -> Response:
    return Response(orjson.dumps(app.state.house.edges()), media_type="application/json")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
