"""Spread of the landmarks that are found again in the crops, with and without alignment.

    python benchmarks/alignment.py PHOTOS [--photos 1000]

PHOTOS is a folder or zip. From each photo the largest face that the default rules keep is cropped
to 64 px twice: aligned, and as the detector's plain box. YuNet then searches each crop, enlarged
and with a margin. Printed is the standard deviation of its landmarks over all crops, in pixels at
64 px, of x and y together.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from cropping import photos
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import images  # noqa: E402
from neuroceleb.data.faces import align, orientation  # noqa: E402
from neuroceleb.data.faces.detector import LANDMARKS  # noqa: E402
from neuroceleb.data.faces.measure import measure  # noqa: E402
from neuroceleb.data.faces.rules import Rules, face_reasons  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402
from neuroceleb.settings import IMAGE_SIZE  # noqa: E402

ENLARGED = 4
MARGIN_PX = 24  # of the crop's pixels, on every side


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Find landmarks again in crops.")
    parser.add_argument("photos_from", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=int, default=1_000)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detector = YuNet()
    found: dict[str, list[NDArray[np.float64]]] = {"aligned": [], "plain box": []}
    cropped = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in photos(options.photos_from, options.photos, Path(folder) / "photos"):
            crops = both_crops(np.asarray(images.read_photo(path.read_bytes())), detector)
            cropped += crops is not None
            for name, crop in (crops or {}).items():
                landmarks = landmarks_in(crop, detector)
                if landmarks is not None:
                    found[name].append(landmarks)
    for name, points in found.items():
        report(name, np.stack(points), cropped)


def both_crops(photo: Pixels, detector: YuNet) -> dict[str, Pixels] | None:
    """Both crops of the largest face; None where there is none or the rules reject it."""
    _, upright, faces = orientation.upright(photo, lambda it: detector.find([it])[0])
    if not faces:
        return None
    matrix = align.landmark_transform(faces[0].landmarks)
    if face_reasons(measure(upright, faces[0], matrix), Rules()):
        return None
    box = align.box_transform(faces[0].box)
    return {
        "aligned": align.crop(upright, matrix, IMAGE_SIZE),
        "plain box": align.crop(upright, box, IMAGE_SIZE),
    }


def landmarks_in(crop: Pixels, detector: YuNet) -> NDArray[np.float64] | None:
    """(5, 2) in the crop's pixels, of the largest face; None where none is found."""
    padded = cv2.copyMakeBorder(crop, *(MARGIN_PX,) * 4, cv2.BORDER_REPLICATE)
    large = cv2.resize(padded, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    faces = detector.find([np.asarray(large, np.uint8)])[0]
    return np.array(faces[0].landmarks) / ENLARGED - MARGIN_PX if faces else None


def report(name: str, points: NDArray[np.float64], cropped: int) -> None:
    """Print the spread of `points`, (N, 5, 2)."""
    spread = np.sqrt(points.var(axis=0).mean(axis=1))
    each = "  ".join(f"{mark} {value:.2f}" for mark, value in zip(LANDMARKS, spread, strict=True))
    overall = np.sqrt((spread**2).mean())
    print(f"{name:<10} found again in {len(points)} of {cropped}: {overall:.2f} px   ({each})")


if __name__ == "__main__":
    main()
