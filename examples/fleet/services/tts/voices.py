"""Voices: each an ONNX model with its own table of sounds."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import onnxruntime
from scipy.signal import resample_poly

from common.models import model_path

SAMPLE_RATE = 22_050


class Voice:
    def __init__(self, name: str) -> None:
        self._session = onnxruntime.InferenceSession(str(model_path(f"voices/{name}.onnx")))
        self._sounds: dict[str, int] = json.loads(model_path(f"voices/{name}.json").read_text())
        self._rate = int(self._sounds.pop("#rate", SAMPLE_RATE))

    def samples(self, text: str, *, speed: float = 1.0) -> np.ndarray:
        """Return mono samples at SAMPLE_RATE; letters without a sound are skipped."""
        ids = [self._sounds[letter] for letter in text.lower() if letter in self._sounds]
        inputs = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
        (samples,) = self._session.run(None, inputs)
        if self._rate == SAMPLE_RATE:
            return samples.ravel()
        return resample_poly(samples.ravel(), SAMPLE_RATE, self._rate)


@cache
def voice(name: str) -> Voice:
    return Voice(name)
