"""Select the held-out faces of a dataset by a hash of their pixels, so the choice never changes.

Where it is known who is shown, whole persons are selected, so that nobody is on both sides.
"""

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.persons import People
from neuroceleb.images import Pixels

SHARE = 0.1
NAME = "blake2b-1"  # change it when the same pixels would be selected differently
NAME_BY_PERSON = "blake2b-person-1"
_KEY = b"neuroceleb held out 1"
_DIGEST_BYTES = 8

Mask = NDArray[np.bool_]


def held_out(pixels: Pixels, share: float = SHARE) -> Mask:
    """Which of (N, 64, 64, 3) uint8 faces are held out of training: (N,), about `share` of them.

    A hash of the image's bytes decides. So order and other images do not matter, and copies of an
    image are either all held out or none. A larger share includes the faces of a smaller one.
    Other photos of the same person may be in the training part. Raises ValueError for a share
    outside 0..1.
    """
    _check(share)
    return np.fromiter(
        (_position(_digest(image.tobytes())) < share for image in pixels), np.bool_, len(pixels)
    )


def held_out_by_person(pixels: Pixels, people: People, share: float = SHARE) -> Mask:
    """As `held_out`, but all faces of a person or none: (N,); `people` (N,) numbers the persons.

    Persons are taken in the order of a hash of their images as long as no more than `share` of
    the faces are held out; where each has more than that, the one with the fewest faces is. Names
    and numbers of persons do not matter. Never everybody: one person alone is not held out, if
    `share` is below 1. Raises ValueError for a share outside 0..1.
    """
    _check(share)
    digests: dict[int, bytes] = {}
    for person, image in zip(people.tolist(), pixels, strict=True):
        digest = _digest(image.tobytes())
        digests[person] = min(digest, digests.get(person, digest))
    sizes = Counter(people.tolist())
    order = sorted(digests, key=lambda person: _digest(digests[person]))
    chosen = _fitting(order, sizes, share * len(people))
    return np.isin(people, chosen)


def _fitting(order: list[int], sizes: Mapping[int, int], most: float) -> list[int]:
    """The persons in this order whose faces are at most so many together, but for the smallest."""
    chosen, count = [], 0
    for person in order:
        if count + sizes[person] <= most:
            chosen.append(person)
            count += sizes[person]
    if not chosen and most > 0 and len(order) > 1:
        return [min(order, key=lambda person: sizes[person])]
    return chosen


def share_on_both_sides(mask: Mask, people: People) -> float:
    """The share of persons with faces both held out and not, of all persons; 0 for no faces."""
    persons = np.unique(people)
    both = np.intersect1d(people[mask], people[~mask])
    return len(both) / len(persons) if len(persons) else 0.0


def to_text(mask: Mask) -> str:
    """A selection (N,) as text for a JSON file: one bit for an image, compressed, in base64."""
    return b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode()


def from_text(text: str, count: int) -> Mask:
    """The selection of `count` images from `to_text`; raises ValueError for any other text."""
    size = -(-count // 8)
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(b64decode(text, validate=True), size + 1)
    except zlib.error as error:
        raise ValueError("it is no selection") from error
    if len(data) != size or not stream.eof:
        raise ValueError("it is a selection of another number of images")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(np.bool_)


def _check(share: float) -> None:
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share} is outside 0..1")


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES, key=_KEY).digest()


def _position(digest: bytes) -> float:
    """A hash as a number, uniform in [0, 1)."""
    return int.from_bytes(digest[:6], "big") / 2**48
