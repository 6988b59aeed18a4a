"""What the report of a dataset says of its persons: how many, and who is on both sides of a split.

A training that keeps faces back (`holdout`) compares generated faces with them. Where other photos
of the same people are trained on, that comparison is too kind.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from neuroceleb import images
from neuroceleb.data import holdout, persons
from neuroceleb.data.faces.manifest import KEPT, FaceSet, Row
from neuroceleb.errors import UserError
from neuroceleb.settings import IMAGE_SIZE


def describe(face_set: FaceSet, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Figures of the kept faces; None where persons are not known. Raises UserError.

    `count` persons, `largest` faces of one person, and for a tenth held out: the share of persons
    on both sides (0..1) if whole persons are held out, and if single images are.
    """
    known = persons.read(face_set.path)
    if known is None:
        return None
    pixels, groups = _kept(face_set, rows)
    sizes = Counter(groups)
    people = np.asarray(np.unique(groups, return_inverse=True)[1], np.int64)
    by_person = holdout.held_out_by_person(pixels, people)
    by_image = holdout.held_out(pixels)
    return {
        "count": len(sizes),
        "largest": max(sizes.values(), default=0),
        "held_out": int(by_person.sum()),
        "on_both_sides": round(holdout.share_on_both_sides(by_person, people), 4),
        "on_both_sides_by_image": round(holdout.share_on_both_sides(by_image, people), 4),
    }


def _kept(face_set: FaceSet, rows: Sequence[Row]) -> tuple[images.Pixels, list[str]]:
    """The kept crops as a training decodes them, (N, 64, 64, 3), and their groups."""
    pixels, groups = [], []
    for row in rows:
        if row.verdict == KEPT:
            try:
                crop = images.load(face_set.crop_file(row))
            except UserError:
                continue
            pixels.append(images.shrink_to_square(Image.fromarray(crop), IMAGE_SIZE))
            groups.append(row.group)
    empty = np.zeros((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    return (np.stack(pixels) if pixels else empty), groups
