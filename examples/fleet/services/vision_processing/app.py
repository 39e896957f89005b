"""VisionProcessingAgent: describes pictures: edges, sharpness, text, and people's poses where it can."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx
import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, HttpUrl

from common.health import add_health, serve
from common.settings import settings
from services.vision_processing import documents, filters

if TYPE_CHECKING:
    from services.vision_processing.pose import PoseEstimator

log = logging.getLogger("vision_processing")

MAX_BYTES = 24 << 20

app = FastAPI(title="VisionProcessingAgent")
add_health(app)
_pose: PoseEstimator | None = None


class Request(BaseModel):
    url: HttpUrl
    with_text: bool = False
    with_pose: bool = False


class Description(BaseModel):
    width: int
    height: int
    sharpness: float
    edges: float
    text: str | None = None
    landmarks: int | None = None


async def fetch(url: str) -> bytes:
    async with httpx.AsyncClient(timeout=10.0) as client:
        response = await client.get(url)
    response.raise_for_status()
    if len(response.content) > MAX_BYTES:
        raise HTTPException(413, "the picture is too large")
    return response.content


def landmarks(pixels: np.ndarray) -> int:
    """Count body landmarks; the model is loaded with the first question."""
    global _pose
    if _pose is None:
        from services.vision_processing.pose import PoseEstimator

        _pose = PoseEstimator()
    return _pose.count(pixels)


@app.post("/describe")
async def describe(request: Request) -> Description:
    pixels = filters.decode(await fetch(str(request.url)))
    height, width = pixels.shape[:2]
    return Description(
        width=width,
        height=height,
        sharpness=filters.sharpness(pixels),
        edges=filters.edge_share(pixels),
        text=documents.text_of(pixels) if request.with_text else None,
        landmarks=landmarks(pixels) if request.with_pose else None,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    log.info("on %s", settings().machine)
    serve(app)
