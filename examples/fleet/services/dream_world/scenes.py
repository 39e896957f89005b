"""Memories to scenes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from pydantic import BaseModel
from skimage import color

from common.messages import Alert

Mood = Literal["calm", "busy", "uneasy"]


class Thing(BaseModel):
    name: str
    weight: float
    colour: tuple[int, int, int]


class Scene(BaseModel):
    mood: Mood = "calm"
    things: list[Thing] = []


def colour_of(name: str) -> tuple[int, int, int]:
    """Return a colour that is always the same for a name: a hue from its letters."""
    hue = (sum(map(ord, name)) % 360) / 360
    red, green, blue = (color.hsv2rgb(np.array([[[hue, 0.6, 0.9]]]))[0, 0] * 255).astype(int)
    return int(red), int(green), int(blue)


def scenes_of(memories: Iterable[Mapping[bytes, bytes]], day: str) -> list[Scene]:
    things: list[Thing] = []
    alerts = 0
    for fields in memories:
        memory = json.loads(fields[b"json"])
        if not memory["at"].startswith(day):
            continue
<<<<<<< HEAD
        alerts += Alert.model_validate(memory).level != "info"
        things.append(Thing(name=memory["text"], weight=0.5, colour=colour_of(memory["text"])))
=======
        alerts += memory.get("level") in ("warning", "critical")
        things.append(Thing(name=memory["text"][:40], weight=0.4, colour=colour_of(memory["text"])))
>>>>>>> feature/shorter-labels
    return [Scene(mood=_mood(alerts, len(things)), things=things)]


def _mood(alerts: int, things: int) -> Mood:
    if alerts:
        return "uneasy"
    return "busy" if things > 20 else "calm"
