"""Measures on pixels."""

import cv2
import numpy as np
from skimage import exposure, feature, filters


def decode(data: bytes) -> np.ndarray:
    """Return a picture's bytes as BGR pixels; raise ValueError where it is none."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("not a picture")
    return pixels


def grey(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)


def sharpness(pixels: np.ndarray) -> float:
    """Return the variance of the Laplacian: below 100 most people call a picture blurred."""
    return float(cv2.Laplacian(grey(pixels), cv2.CV_64F).var())


def edge_share(pixels: np.ndarray) -> float:
    """Return the share of pixels on a Canny edge."""
    return float(feature.canny(exposure.equalize_adapthist(grey(pixels)), sigma=2.0).mean())


def binarise(pixels: np.ndarray) -> np.ndarray:
    """Return black text on white, whatever the light."""
    image = grey(pixels)
    return (image > filters.threshold_sauvola(image, window_size=25)).astype(np.uint8) * 255
