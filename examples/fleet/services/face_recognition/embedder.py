"""Faces to vectors, by two ONNX models."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import onnxruntime as ort

from common.models import model_path

Box = tuple[int, int, int, int]

PROVIDERS = ["CUDAExecutionProvider", "CPUExecutionProvider"]


class FaceEmbedder:
    """Finds faces and gives each a unit vector of 512 numbers."""

    def __init__(self, detector: ort.InferenceSession, encoder: ort.InferenceSession) -> None:
        self._detector = detector
        self._encoder = encoder

    @classmethod
    def load(cls) -> FaceEmbedder:
        available = [p for p in PROVIDERS if p in ort.get_available_providers()]
        detector = ort.InferenceSession(str(model_path("faces/detector.onnx")), providers=available)
        encoder = ort.InferenceSession(str(model_path("faces/encoder.onnx")), providers=available)
        return cls(detector, encoder)

    def faces(self, frame: np.ndarray, *, threshold: float = 0.6) -> Iterator[tuple[Box, np.ndarray]]:
        blob = cv2.dnn.blobFromImage(frame, 1 / 128.0, (640, 640), (127.5, 127.5, 127.5), swapRB=True)
        scores, boxes = self._detector.run(None, {self._detector.get_inputs()[0].name: blob})
        height, width = frame.shape[:2]
        for score, (left, top, right, bottom) in zip(scores.ravel(), boxes.reshape(-1, 4), strict=True):
            if score < threshold:
                continue
            box = (int(left * width), int(top * height), int(right * width), int(bottom * height))
            yield box, self._vector(frame[box[1] : box[3], box[0] : box[2]])

    def _vector(self, face: np.ndarray) -> np.ndarray:
        aligned = cv2.resize(face, (112, 112), interpolation=cv2.INTER_AREA)
        batch = aligned.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1.0
        (vector,) = self._encoder.run(None, {self._encoder.get_inputs()[0].name: batch})
        return vector[0] / np.linalg.norm(vector[0])
