"""Text in pictures."""

import logging

import numpy as np
import pytesseract
from PIL import Image, ImageOps

from services.vision_processing import filters

log = logging.getLogger(__name__)


def text_of(pixels: np.ndarray, language: str = "eng") -> str | None:
    """Return the text of a page, or None on machines without Tesseract."""
    page = ImageOps.expand(Image.fromarray(filters.binarise(pixels)), border=12, fill=255)
    try:
        return pytesseract.image_to_string(page, lang=language).strip()
    except pytesseract.TesseractNotFoundError:
        log.warning("no tesseract here: pictures keep their text to themselves")
        return None
