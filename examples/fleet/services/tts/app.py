"""TTSService: text to speech, as a stream or through the room's loudspeakers."""

import io
import logging
import shutil
import subprocess

import numpy as np
import soundfile as sf
from fastapi import FastAPI, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, Field
from pydub import AudioSegment
from pydub.effects import normalize

from common.health import add_health, serve
from voices import SAMPLE_RATE, Voice, voice

log = logging.getLogger("tts")

FORMATS = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}

app = FastAPI(title="TTSService")
add_health(app)


class Speech(BaseModel):
    text: str = Field(min_length=1, max_length=2000)
    voice: str = "en-low"
    format: str = "wav"
    gain_db: float = Field(default=0.0, ge=-20.0, le=6.0)


def segment(samples: np.ndarray) -> AudioSegment:
    """Return samples as a pydub segment, evened out."""
    pcm = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    return normalize(AudioSegment(pcm.tobytes(), sample_width=2, frame_rate=SAMPLE_RATE, channels=1))


def wav(samples: np.ndarray) -> bytes:
    body = io.BytesIO()
    sf.write(body, samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return body.getvalue()


def play(samples: np.ndarray) -> None:
    """Say it in the room; the loudspeakers' library is loaded with the first word."""
    import sounddevice

    sounddevice.play(samples, SAMPLE_RATE, blocking=True)


def loudness(path: str) -> str:
    """Return ffmpeg's measure of a file's loudness (EBU R 128)."""
    command = ["ffmpeg", "-nostats", "-i", path, "-filter_complex", "ebur128", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stderr.rpartition("Summary:")[2].strip()


@app.post("/say")
def say(speech: Speech) -> Response:
    if speech.format not in FORMATS:
        raise HTTPException(415, f"one of {', '.join(FORMATS)}")
    spoken: Voice = voice(speech.voice)
    samples = spoken.samples(speech.text)
    if speech.format == "wav":
        return Response(wav(samples), media_type=FORMATS["wav"])
    body = io.BytesIO()
    segment(samples).apply_gain(speech.gain_db).export(body, format=speech.format)
    return Response(body.getvalue(), media_type=FORMATS[speech.format])


@app.get("/voices")
def voices() -> dict[str, bool]:
    return {"espeak": shutil.which("espeak-ng") is not None, "neural": True}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
