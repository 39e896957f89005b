"""STTService: listens to the microphone or to uploads, and answers with text."""

import asyncio
import logging
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import sounddevice as sd
import soundfile as sf
from fastapi import FastAPI, UploadFile

from common.bus import Publisher
from common.health import add_health, serve
from common.messages import Utterance
from recogniser import SAMPLE_RATE, Recogniser

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger("stt")

SECONDS = 5.0

app = FastAPI(title="STTService")
add_health(app, {"microphone": lambda: sd.default.device is not None})


def samples_of(data: bytes) -> "NDArray[np.float32]":
    """Return any audio file as mono float samples at SAMPLE_RATE; ffmpeg knows every container."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "f32le", "-ac", "1", "-ar", str(SAMPLE_RATE), "pipe:1"],
        input=data,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return np.frombuffer(done.stdout, np.float32)


def record(seconds: float = SECONDS) -> np.ndarray:
    """Return what the microphone hears for some seconds."""
    frames = sd.rec(int(seconds * SAMPLE_RATE), samplerate=SAMPLE_RATE, channels=1, dtype="float32")
    sd.wait()
    return frames[:, 0]


def keep(samples: np.ndarray, path: str) -> None:
    sf.write(path, samples, SAMPLE_RATE, subtype="PCM_16")


@app.post("/transcribe")
async def transcribe(upload: UploadFile) -> Utterance:
    samples = samples_of(await upload.read())
    text, language = await asyncio.to_thread(app.state.recogniser.text, samples)
    return Utterance(sender="stt", text=text, language=language, seconds=len(samples) / SAMPLE_RATE)


async def listen() -> None:
    bus = Publisher("tcp://*:5701")
    while True:
        samples = await asyncio.to_thread(record)
        if float(np.sqrt(np.mean(samples**2))) < 0.01:
            continue
        text, language = await asyncio.to_thread(app.state.recogniser.text, samples)
        if text:
            bus.send("speech", Utterance(sender="stt", text=text, language=language, seconds=SECONDS))


@app.on_event("startup")
async def start() -> None:
    app.state.recogniser = Recogniser.load()
    app.state.listener = asyncio.create_task(listen())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
