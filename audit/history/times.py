"""Which texts are times of a history: RFC 3339 in UTC with whole seconds."""

import re
from datetime import datetime
from functools import lru_cache

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@lru_cache(maxsize=1 << 16)
def is_time(text: str) -> bool:
    """Say whether a text is such a time, of a day that there is."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
