"""FaceRecognitionAgent: finds faces in camera frames and says whose they are."""

import logging
from contextlib import asynccontextmanager
from typing import Annotated

import cv2
import numpy as np
from fastapi import Depends, FastAPI, HTTPException, UploadFile
from PIL import Image, UnidentifiedImageError

from common.bus import Publisher
from common.health import add_health, serve
from common.messages import Detection, FrameResult
from embedder import FaceEmbedder
from gallery import Gallery

try:
    import cupy as xp
except ImportError:
    xp = np

log = logging.getLogger("face_recognition")

MAX_SIDE = 1280


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.embedder = FaceEmbedder.load()
    app.state.gallery = Gallery.open()
    app.state.bus = Publisher("tcp://*:5611")
    yield
    app.state.gallery.close()


app = FastAPI(title="FaceRecognitionAgent", lifespan=lifespan)
add_health(app, {"gallery": lambda: app.state.gallery.is_open})


def embedder() -> FaceEmbedder:
    return app.state.embedder


def gallery() -> Gallery:
    return app.state.gallery


def decode(upload: UploadFile) -> np.ndarray:
    """Return the upload as BGR pixels, no side longer than MAX_SIDE."""
    try:
        picture = Image.open(upload.file).convert("RGB")
    except UnidentifiedImageError as error:
        raise HTTPException(415, "not a picture") from error
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    return cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)


@app.post("/faces")
def faces(
    upload: UploadFile,
    model: Annotated[FaceEmbedder, Depends(embedder)],
    known: Annotated[Gallery, Depends(gallery)],
    camera: str = "upload",
) -> FrameResult:
    frame = decode(upload)
    detections = []
    for box, vector in model.faces(frame):
        name, score = known.nearest(vector)
        detections.append(Detection(label=name, score=score, box=box))
    result = FrameResult(sender="face_recognition", camera=camera, frame=0, detections=detections)
    app.state.bus.send("faces", result)
    return result


@app.post("/faces/{name}")
def learn(name: str, upload: UploadFile, model: Annotated[FaceEmbedder, Depends(embedder)]) -> dict[str, int]:
    found = list(model.faces(decode(upload)))
    if len(found) != 1:
        raise HTTPException(422, f"{len(found)} faces in the picture; one is needed")
    gallery().add(name, found[0][1])
    return {"known": len(gallery())}


def mean_brightness(frame: np.ndarray) -> float:
    """Return the mean of the value channel, computed on the GPU where there is one."""
    return float(xp.mean(xp.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)[..., 2])))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
