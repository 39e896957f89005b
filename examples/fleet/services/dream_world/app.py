"""DreamWorldAgent: paints scenes from what the house remembers of its day."""

import io
import logging
from datetime import UTC, datetime

import numpy as np
from fastapi import FastAPI, Response
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from common.bus import stream
from common.health import add_health, serve
from scenes import Scene, scenes_of
from textures import clouds

log = logging.getLogger("dream_world")

SIZE = (768, 432)

app = FastAPI(title="DreamWorldAgent")
add_health(app)


def memories(limit: int = 64) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in stream().xrevrange("memories", count=limit)]


def paint(scene: Scene, *, seed: int) -> Image.Image:
    """Return one scene: sky, ground and what happened, softly."""
    generator = np.random.default_rng(seed)
    sky = Image.fromarray(clouds(SIZE, scene.mood, generator)).convert("RGB")
    draw = ImageDraw.Draw(sky, "RGBA")
    for index, thing in enumerate(scene.things):
        x = int(generator.uniform(0, SIZE[0]))
        y = int(SIZE[1] * 0.6 + generator.uniform(0, SIZE[1] * 0.35))
        radius = 8 + 40 * thing.weight
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*thing.colour, 120))
        if index < 3:
            draw.text((x, y), thing.name, font=ImageFont.load_default(), fill=(255, 255, 255, 180))
    return sky.filter(ImageFilter.GaussianBlur(1.2))


@app.get("/dream.png")
def dream(day: str | None = None) -> Response:
    when = day or datetime.now(tz=UTC).date().isoformat()
    scenes = scenes_of(memories(), when)
    picture = paint(scenes[0], seed=int(when.replace("-", "")))
    body = io.BytesIO()
    picture.save(body, "PNG")
    return Response(body.getvalue(), media_type="image/png")


@app.get("/dream.mp4")
def moving_dream(day: str) -> Response:
    """Return the day as a short film; cv2 writes it, so it is loaded here and not at start."""
    import cv2

    path = f"/tmp/dream-{day}.mp4"
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"mp4v"), 12, SIZE)
    for number, scene in enumerate(scenes_of(memories(), day)):
        writer.write(np.asarray(paint(scene, seed=number))[..., ::-1])
    writer.release()
    with open(path, "rb") as film:
        return Response(film.read(), media_type="video/mp4")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
