"""The people that are known: names and vectors, kept in one SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

UNKNOWN = ("unknown", 0.0)


class Gallery:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._database.execute("create table if not exists face (name text, vector blob)")
        self.is_open = True

    @classmethod
    def open(cls, path: Path = Path("/data/faces.sqlite3")) -> Gallery:
        return cls(sqlite3.connect(path, check_same_thread=False))

    def __len__(self) -> int:
        return self._database.execute("select count(distinct name) from face").fetchone()[0]

    def add(self, name: str, vector: np.ndarray) -> None:
        with self._database:
            self._database.execute("insert into face values (?, ?)", (name, vector.astype("<f4").tobytes()))

    def nearest(self, vector: np.ndarray, *, threshold: float = 0.45) -> tuple[str, float]:
        rows = self._database.execute("select name, vector from face").fetchall()
        if not rows:
            return UNKNOWN
        scores = np.stack([np.frombuffer(blob, "<f4") for _, blob in rows]) @ vector
        best = int(scores.argmax())
        if scores[best] < threshold:
            return UNKNOWN
        return rows[best][0], float(min(scores[best], 1.0))

    def close(self) -> None:
        self.is_open = False
        self._database.close()
