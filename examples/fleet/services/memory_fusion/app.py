"""MemoryFusionHub: one memory out of what all agents saw, heard and said."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import yaml
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import DateTime, LargeBinary, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from common.bus import stream, subscribe
from common.health import add_health, serve
from common.messages import Utterance

try:
    import faiss
except ImportError:
    faiss = None

log = logging.getLogger("memory_fusion")

DIMENSIONS = 256


class Base(DeclarativeBase):
    pass


class Memory(Base):
    __tablename__ = "memory"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, index=True)
    text: Mapped[str] = mapped_column(String(2000))
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class Recall(BaseModel):
    text: str
    score: float


engine = create_engine("sqlite:////data/memory.sqlite3")
app = FastAPI(title="MemoryFusionHub")
add_health(app)


def vector(text: str) -> np.ndarray:
    """Return a hashed bag of character triples, of unit length."""
    counts = np.zeros(DIMENSIONS, np.float32)
    padded = f"  {text.lower()} "
    for start in range(len(padded) - 2):
        counts[hash(padded[start : start + 3]) % DIMENSIONS] += 1
    return counts / max(float(np.linalg.norm(counts)), 1.0)


def nearest(rows: list[Memory], wanted: np.ndarray, count: int) -> list[Recall]:
    matrix = np.stack([np.frombuffer(row.vector, np.float32) for row in rows])
    if faiss is not None:
        index = faiss.IndexFlatIP(DIMENSIONS)
        index.add(matrix)
        scores, places = (found[0] for found in index.search(wanted[None], count))
    else:
        everything = matrix @ wanted
        places = np.argsort(-everything)[:count]
        scores = everything[places]
    return [Recall(text=rows[int(p)].text, score=float(s)) for p, s in zip(places, scores, strict=True)]


@app.get("/recall")
def recall(question: str, days: int = 30, count: int = 5) -> list[Recall]:
    since = datetime.now(tz=UTC) - timedelta(days=days)
    with Session(engine) as session:
        rows = list(session.scalars(select(Memory).where(Memory.at >= since)))
    return nearest(rows, vector(question), min(count, len(rows))) if rows else []


def remember() -> None:
    with open("/config/sources.yaml") as file:
        sources = yaml.safe_load(file)
    for heard in subscribe(sources["speech"], "speech", Utterance):
        with Session(engine) as session:
            session.add(Memory(at=heard.at, text=heard.text, vector=vector(heard.text).tobytes()))
            session.commit()
        stream().xadd("memories", {"json": heard.model_dump_json()}, maxlen=10_000)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    Base.metadata.create_all(engine)
    threading.Thread(target=remember, daemon=True).start()
    serve(app)
