"""The message bus: ZeroMQ between processes, Redis streams where messages must survive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import orjson
import zmq

from common.settings import settings

if TYPE_CHECKING:
    import redis
    from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound="BaseModel")


class Publisher:
    """Publishes messages under topics."""

    def __init__(self, address: str) -> None:
        """Bind to `address`, such as ``tcp://*:5611``."""
        self._socket = zmq.Context.instance().socket(zmq.PUB)
        self._socket.setsockopt(zmq.SNDHWM, 100)
        self._socket.bind(address)

    def send(self, topic: str, message: BaseModel) -> None:
        """Send one message; old ones are dropped where nobody keeps up."""
        self._socket.send_multipart([topic.encode(), orjson.dumps(message.model_dump(mode="json"))])


def subscribe(address: str, topic: str, model: type[ModelT]) -> Iterator[ModelT]:
    """Yield messages of a topic as they come."""
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
    socket.connect(address)
    while True:
        _, body = socket.recv_multipart()
        yield model.model_validate(orjson.loads(body))


def stream() -> redis.Redis:
    """Return the Redis client for messages that must survive a restart."""
    import redis  # noqa: PLC0415  (services without a store start without it)

    return redis.Redis.from_url(settings().redis_url)
