"""Near-duplicates: photos whose perceptual hashes differ in few bits.

The hash is the usual DCT hash (Zauner, Implementation and Benchmarking of Perceptual Image Hash
Functions, 2010) of the whole photo, with 256 bits. Measured, n = 150 portraits: at most 5 bits
apart after resizing and compression; median 62 after cropping by 4 %; at least 77 between
different photos. Hashes of aligned crops do not separate them: an error of one pixel in the
landmarks changes as many bits.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HASH_SIDE = 16  # 16 x 16 lowest frequencies: 256 bits
MIN_IOU = 0.5  # intersection over union above which two boxes are the same face
_SMALL_PX = 64
_BLOCK = 128

Hashes = NDArray[np.uint64]  # (N, 4)


def phash(grey: NDArray[Any]) -> str:
    """The hash of a grey (H, W) uint8 photo: 64 hexadecimal digits."""
    small = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
    coefficients = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    coefficients[0] = 0.0  # the mean is only the brightness
    return np.packbits(coefficients > np.median(coefficients)).tobytes().hex()


def unpack(texts: list[str]) -> Hashes:
    """(N, 4) uint64 of N hashes; an invalid one is all zeros."""
    rows = [bytes.fromhex(text) if _is_hash(text) else bytes(32) for text in texts]
    return np.frombuffer(b"".join(rows), np.uint64).reshape(len(texts), 4)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(digit in "0123456789abcdef" for digit in text)


def find_duplicates(
    hashes: Hashes,
    boxes: NDArray[np.float64],
    sharpness: NDArray[np.float64],
    bits: int,
    candidates: NDArray[np.bool_] | None = None,
) -> dict[int, tuple[int, int]]:
    """Faces that are nearly the same as a sharper one that is kept.

    Two faces are the same where their photos' hashes differ in fewer than `bits` bits and their
    `boxes` (N, 4), (left, top, width, height) as shares of the photo, overlap: so two faces of
    one photo are never the same. `candidates` (N,) selects the faces that are compared.

    Returns {index: (index of the kept face, differing bits)}. The sharpest faces are kept first,
    so faces are compared with kept ones only, not along chains; of equals the first is kept.
    Compares block by block: memory is flat, 10,000 photos take a second, and the result for the
    last hashes is cached.
    """
    order = np.argsort(-sharpness, kind="stable")
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    near = _near(hashes.tobytes(), hashes.shape[1], bits)
    found: dict[int, tuple[int, int]] = {}
    for index in order.tolist():
        if index not in near or not (candidates is None or candidates[index]):
            continue
        for other, distance in near[index]:
            is_sharper = rank[other] < rank[index]
            is_candidate = candidates is None or candidates[other]
            is_kept = is_sharper and is_candidate and other not in found
            if is_kept and _overlap(boxes[index], boxes[other]):
                found[index] = (other, distance)
                break
    return found


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    common = float(np.prod(np.maximum(high - low, 0.0)))
    union = float(np.prod(one[2:]) + np.prod(other[2:])) - common
    return common > MIN_IOU * union


@lru_cache(maxsize=2)
def _near(data: bytes, words: int, bits: int) -> dict[int, list[tuple[int, int]]]:
    """For each photo, the others with fewer than `bits` differing bits, nearest first."""
    hashes: Hashes = np.frombuffer(data, np.uint64).reshape(-1, words)
    near: dict[int, list[tuple[int, int]]] = {}
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        distances = np.zeros((len(block), min(start + _BLOCK, len(hashes))), np.uint16)
        for word in range(words):
            others = hashes[: distances.shape[1], word]
            distances += np.bitwise_count(block[:, word, None] ^ others[None, :])
        for row, column in zip(*np.nonzero(distances < bits), strict=True):
            one, other = int(start + row), int(column)
            if other < one:
                distance = int(distances[row, column])
                near.setdefault(one, []).append((other, distance))
                near.setdefault(other, []).append((one, distance))
    for pairs in near.values():
        pairs.sort(key=lambda pair: pair[1])
    return near
