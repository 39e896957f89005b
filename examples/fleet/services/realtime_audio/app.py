"""RealTimeAudioPipeline: microphone to bus, through a chain of stages, with the volume ducked while we speak."""

import importlib
import logging
import queue
import sys
from pathlib import Path

import numpy as np
import pulsectl
import sounddevice

# Started by systemd on the machines themselves as well, where nothing sets PYTHONPATH.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from common.bus import Publisher, subscribe  # noqa: E402  (the path edit comes first)
from common.health import serve_health_beside  # noqa: E402  (the path edit comes first)
from common.messages import Alert, Utterance  # noqa: E402  (the path edit comes first)

log = logging.getLogger("realtime_audio")

SAMPLE_RATE = 48_000
BLOCK = 960
STAGES = ("gate", "equaliser")


def load_stages(names=STAGES):
    """Return the stages by name: each is a module with a ``Stage`` class."""
    folder = str(Path(__file__).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return [importlib.import_module(f"stages.{name}").Stage(SAMPLE_RATE) for name in names]


def denoiser():
    """Return the spectral denoiser where it is installed, else None."""
    try:
        return importlib.import_module("noisereduce")
    except ModuleNotFoundError:
        return None


class Ducker:
    """Turns everything else down while the house speaks."""

    def __init__(self, share: float = 0.3) -> None:
        self._pulse = pulsectl.Pulse("realtime-audio")
        self._share = share

    def set(self, *, is_speaking: bool) -> None:
        for stream in self._pulse.sink_input_list():
            self._pulse.volume_set_all_chans(stream, self._share if is_speaking else 1.0)


class Pipeline:
    def __init__(self) -> None:
        self._blocks: queue.Queue[np.ndarray] = queue.Queue(maxsize=50)
        self._stages = load_stages()
        self._bus = Publisher("tcp://*:5721")
        self.is_running = False

    def _on_block(self, block, frames, time, status) -> None:
        if status:
            log.warning("%s", status)
        try:
            self._blocks.put_nowait(block[:, 0].copy())
        except queue.Full:
            self._bus.send("alerts", Alert(sender="realtime_audio", level="warning", text="audio falls behind"))

    def run(self) -> None:
        self.is_running = True
        stream = sounddevice.InputStream(SAMPLE_RATE, BLOCK, channels=1, callback=self._on_block)
        with stream:
            while self.is_running:
                block = self._blocks.get()
                for stage in self._stages:
                    block = stage.process(block)
                self._bus.send("level", Utterance(sender="realtime_audio", text=f"{np.abs(block).max():.3f}"))


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    pipeline = Pipeline()
    serve_health_beside({"pipeline": lambda: pipeline.is_running})
    ducker = Ducker()
    ducker.set(is_speaking=False)
    if "--follow" in sys.argv:
        for utterance in subscribe("tcp://tts:5711", "speaking", Utterance):
            ducker.set(is_speaking=not utterance.is_final)
    pipeline.run()


if __name__ == "__main__":
    main()
