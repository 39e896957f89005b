"""Body landmarks, by mediapipe where it is installed."""

import cv2
import numpy as np

try:
    import mediapipe as mp
except ImportError:
    mp = None


class PoseEstimator:
    def __init__(self) -> None:
        self._pose = mp.solutions.pose.Pose(static_image_mode=True) if mp is not None else None

    def count(self, pixels: np.ndarray) -> int:
        if self._pose is None:
            return 0
        result = self._pose.process(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        return len(result.pose_landmarks.landmark) if result.pose_landmarks else 0
