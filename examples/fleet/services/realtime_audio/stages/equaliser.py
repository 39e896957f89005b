"""Keep the band that voices use."""

import numpy as np
from scipy import signal


class Stage:
    def __init__(self, rate: int, low: float = 90.0, high: float = 7800.0) -> None:
        self._sections = signal.butter(4, [low, high], "bandpass", fs=rate, output="sos")
        self._state = signal.sosfilt_zi(self._sections)

    def process(self, block: np.ndarray) -> np.ndarray:
        out, self._state = signal.sosfilt(self._sections, block, zi=self._state)
        return out.astype(np.float32)
