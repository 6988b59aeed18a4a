"""Near-duplicates: pictures whose perceptual hashes differ in few bits.

The hash is the usual one of the DCT (Zauner, Implementation and Benchmarking of Perceptual Image
Hash Functions, 2010), of the whole photo and of 256 bits. Measured, n = 150 portraits: resized and
compressed again, 5 bits apart at most; cut by 4 %, 62 in the middle; different ones, 77 and more.
Hashes of aligned crops do not tell them apart: a pixel of the landmarks weighs as much.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HASH_SIDE = 16  # 16 x 16 lowest frequencies: 256 bits
SAME_PLACE = 0.5  # of what two boxes cover, this much in common
_SMALL_PX = 64
_BLOCK = 128

Hashes = NDArray[np.uint64]  # (N, 4)


def phash(grey: NDArray[Any]) -> str:
    """64 hexadecimal digits for a grey (H, W) uint8 picture."""
    small = cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    waves[0] = 0.0  # the mean says nothing but the light
    return np.packbits(waves > np.median(waves)).tobytes().hex()


def unpack(texts: list[str]) -> Hashes:
    """(N, 4) uint64 of N hashes; a damaged one reads as zeros."""
    rows = [bytes.fromhex(text) if _is_hash(text) else bytes(32) for text in texts]
    return np.frombuffer(b"".join(rows), np.uint64).reshape(len(texts), 4)


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(digit in "0123456789abcdef" for digit in text)


def duplicates(
    hashes: Hashes,
    boxes: NDArray[np.float64],
    sharpness: NDArray[np.float64],
    bits: int,
    among: NDArray[np.bool_] | None = None,
) -> dict[int, tuple[int, int]]:
    """Which faces are nearly the same as a sharper one that stays.

    Their photos' hashes differ in few bits, and their `boxes` (N, 4), left, top, width and height
    as shares of the photo, lie over one another: so two faces of one photo are never the same.
    Only those where `among` (N,) is true are compared, or all.

    From the index of a picture to the one that stays and the bits between them, fewer than
    `bits`. The sharpest are chosen first, so no chain of likenesses drags a group apart; of
    equals the first stays. Compares block by block: memory is flat, 10,000 pictures take a
    second, and nothing where the same were compared just before.
    """
    order = np.argsort(-sharpness, kind="stable")
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    near = _near(hashes.tobytes(), hashes.shape[1], bits)
    found: dict[int, tuple[int, int]] = {}
    for index in order.tolist():
        if index not in near or not (among is None or among[index]):
            continue
        for other, distance in near[index]:
            stays = rank[other] < rank[index] and (among is None or among[other])
            if stays and other not in found and _same_place(boxes[index], boxes[other]):
                found[index] = (other, distance)
                break
    return found


def _same_place(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    common = float(np.prod(np.maximum(high - low, 0.0)))
    union = float(np.prod(one[2:]) + np.prod(other[2:])) - common
    return common > SAME_PLACE * union


@lru_cache(maxsize=2)
def _near(data: bytes, words: int, bits: int) -> dict[int, list[tuple[int, int]]]:
    """For each picture, the others that are fewer than `bits` away, nearest first."""
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
                apart = int(distances[row, column])
                near.setdefault(one, []).append((other, apart))
                near.setdefault(other, []).append((one, apart))
    for pairs in near.values():
        pairs.sort(key=lambda pair: pair[1])
    return near
