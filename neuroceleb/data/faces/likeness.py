"""Whether faces, and photos that were not cropped yet, show a person of whom there are faces."""

import time

import numpy as np

from neuroceleb import decoding
from neuroceleb.data.faces import align, clustering, identity, orientation
from neuroceleb.data.faces.detector import Detector
from neuroceleb.data.faces.identity import Embeddings
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.settings import IMAGE_SIZE

SMALLEST_PX = 20.0


def is_like(faces: Embeddings, person: Embeddings) -> bool:
    """Whether any of `faces` (N, 128) shows the person with the embeddings `person` (M, 128)."""
    if not len(faces) or not len(person):
        return False
    away = clustering.adjusted_distances(faces, person)
    is_near = (away.min(1) < clustering.COMPLETE) | (away.mean(1) < clustering.AVERAGE)
    return bool(is_near.any())


class PersonFinder:
    """Looks for a person on photos, for `seconds` from the first one on."""

    def __init__(self, person: Embeddings, seconds: float) -> None:
        self._person = person
        self._seconds = seconds
        self._deadline: float | None = None
        self._detector: Detector | None = None

    def shows(self, data: bytes) -> bool | None:
        """Whether the photo in a file shows the person; None where that is not known.

        That is when the time is over, there are no faces to compare with, or it cannot be read.
        """
        now = time.monotonic()
        self._deadline = now + self._seconds if self._deadline is None else self._deadline
        if now > self._deadline or not len(self._person):
            return None
        try:
            pixels = decoding.read_pixels(data)
        except UserError:
            return None
        return is_like(self._faces(pixels), self._person)

    def _faces(self, photo: Pixels) -> Embeddings:
        detector = self._detector = self._detector or _yunet()
        _, upright, faces = orientation.upright(photo, lambda it: detector.find([it])[0])
        crops = []
        for face in faces:
            try:
                matrix = align.landmark_transform(face.landmarks)
            except ValueError:  # eyes and mouth are the same point
                continue
            crops.append(align.crop(upright, matrix, IMAGE_SIZE))
        if not crops:
            return np.zeros((0, identity.LENGTH), np.float32)
        return identity.embed(np.stack(crops))


def _yunet() -> Detector:
    from neuroceleb.data.faces.yunet import YuNet

    return YuNet(smallest_px=SMALLEST_PX)
