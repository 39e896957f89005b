"""Skies."""

import numpy as np
from scipy import ndimage
from skimage import exposure, transform

TINT = {"calm": (0.55, 0.7, 1.0), "busy": (1.0, 0.8, 0.5), "uneasy": (0.6, 0.5, 0.7)}


def clouds(size: tuple[int, int], mood: str, generator: np.random.Generator) -> np.ndarray:
    """Return (height, width, 3) bytes of summed, smoothed noise in the mood's tint."""
    width, height = size
    total = np.zeros((height, width))
    for octave in range(1, 6):
        noise = generator.random((2**octave, 2**octave))
        total += transform.resize(ndimage.gaussian_filter(noise, 0.7), (height, width), order=3) / octave
    even = exposure.rescale_intensity(total, out_range=(0.0, 1.0))
    return (even[..., None] * np.array(TINT[mood]) * 255).astype(np.uint8)
