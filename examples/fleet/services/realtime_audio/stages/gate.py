"""Silence what is quieter than a threshold."""

import numpy as np


class Stage:
    def __init__(self, rate: int, threshold: float = 0.008, hold_seconds: float = 0.25) -> None:
        self._threshold = threshold
        self._hold = int(rate * hold_seconds)
        self._left = 0

    def process(self, block: np.ndarray) -> np.ndarray:
        if np.abs(block).max() >= self._threshold:
            self._left = self._hold
        elif self._left <= 0:
            return np.zeros_like(block)
        self._left -= len(block)
        return block
