"""The perceptual hash, and which of near-duplicates is kept."""

import io

import numpy as np
from PIL import Image

from neuroceleb.data.faces import duplicates
from tests.data.faces.faces_helpers import portrait


def test_the_hash_survives_compression_and_tells_faces_apart() -> None:
    def hashed(image: Image.Image) -> str:
        return duplicates.phash(np.asarray(image.convert("L")))

    buffer = io.BytesIO()
    portrait().save(buffer, "JPEG", quality=40)
    same = Image.open(io.BytesIO(buffer.getvalue()))
    other = portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    hashes = duplicates.unpack([hashed(portrait()), hashed(same), hashed(other)])
    bits = np.bitwise_count(hashes[0] ^ hashes).sum(axis=1)
    assert bits[1] < 20
    assert bits[2] > 60


def test_of_near_duplicates_the_sharpest_stays_without_chains() -> None:
    hashes = np.zeros((4, 4), np.uint64)
    hashes[1, 0], hashes[2, 0] = 0b1, 0b1111
    hashes[3] = 2**64 - 1
    boxes = np.tile([0.1, 0.1, 0.5, 0.5], (4, 1))
    found = duplicates.find_duplicates(hashes, boxes, np.array([3.0, 2.0, 1.0, 0.0]), bits=3)
    boxes[1] = [0.7, 0.1, 0.2, 0.2]  # another face of that photo
    assert duplicates.find_duplicates(hashes, boxes, np.array([3.0, 2.0, 1.0, 0.0]), bits=3) == {}
    assert found == {1: (0, 1)}  # 2 is near 1, which does not stay; 4 bits from 0 is far enough
