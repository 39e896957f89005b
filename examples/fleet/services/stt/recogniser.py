"""Speech to text: faster-whisper where the GPU stack is there, else a small ONNX model."""

from __future__ import annotations

import logging

import numpy as np
import onnxruntime as ort
from scipy import signal

from common.models import model_path

try:
    import torch
    from faster_whisper import WhisperModel
except ImportError:
    torch = None
    WhisperModel = None

log = logging.getLogger(__name__)

SAMPLE_RATE = 16_000
LETTERS = "_ abcdefghijklmnopqrstuvwxyz'"


class Recogniser:
    def __init__(self, session: ort.InferenceSession | None, whisper: object | None) -> None:
        self._session = session
        self._whisper = whisper

    @classmethod
    def load(cls) -> Recogniser:
        if WhisperModel is not None and torch.cuda.is_available():
            return cls(None, WhisperModel("small", device="cuda", compute_type="float16"))
        log.info("no accelerated model: the small one answers")
        return cls(ort.InferenceSession(str(model_path("speech/ctc.onnx"))), None)

    def text(self, samples: np.ndarray) -> tuple[str, str]:
        """Return the text and its language."""
        if self._whisper is not None:
            segments, info = self._whisper.transcribe(samples)
            return " ".join(segment.text.strip() for segment in segments), info.language
        (scores,) = self._session.run(None, {"features": features(samples)[None]})
        return collapse(scores[0].argmax(axis=-1)), "en"


def features(samples: np.ndarray) -> np.ndarray:
    """Return the log spectrogram, 25 ms windows every 10 ms."""
    _, _, spectrum = signal.stft(samples, SAMPLE_RATE, nperseg=400, noverlap=240)
    return np.log1p(np.abs(spectrum)).T.astype(np.float32)


def collapse(path: np.ndarray) -> str:
    """Return the letters of a CTC path: repeats merged, blanks dropped."""
    changes = np.flatnonzero(np.diff(path, prepend=-1))
    return "".join(LETTERS[i] for i in path[changes] if i).strip()
