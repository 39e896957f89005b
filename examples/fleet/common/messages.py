"""What services say to one another."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field


def _now() -> datetime:
    return datetime.now(tz=UTC)


class Message(BaseModel):
    """What every message carries."""

    sender: str
    at: datetime = Field(default_factory=_now)


class Detection(BaseModel):
    """Something found in a picture: pixel box (left, top, right, bottom) and how sure."""

    label: str
    score: float = Field(ge=0.0, le=1.0)
    box: tuple[int, int, int, int]


class FrameResult(Message):
    """What was found in one frame."""

    camera: str
    frame: int
    detections: list[Detection] = []


class Utterance(Message):
    """Speech as text."""

    text: str
    language: str = "en"
    is_final: bool = True
    seconds: float = 0.0


class Alert(Message):
    """Something that a person should know."""

    level: Literal["info", "warning", "critical"]
    text: str
    facts: dict[str, Any] = {}
