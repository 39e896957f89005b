"""Dependencies in an SQLite file."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiosqlite
import msgpack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Store:
    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls, path: str) -> AsyncIterator[Store]:
        async with aiosqlite.connect(path) as database:
            await database.execute("create table if not exists twin (service text primary key, needs blob)")
            yield cls(database)

    async def rows(self) -> list[tuple[str, list[str]]]:
        rows = await self._database.execute_fetchall("select service, needs from twin order by service")
        return [(service, msgpack.unpackb(blob)) for service, blob in rows]

    async def save(self, service: str, needs: list[str]) -> None:
        await self._database.execute("replace into twin values (?, ?)", (service, msgpack.packb(needs)))
        await self._database.commit()
