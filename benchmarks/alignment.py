"""How far landmarks scatter when they are found again in the crops, aligned and not.

    python benchmarks/alignment.py PHOTOS [--photos 1000]

PHOTOS is a folder or zip. From each photo the largest face that the default rules keep is cut at
64 px twice: aligned, and as the detector's plain box. YuNet then looks at each crop anew, enlarged
and with a margin, and its landmarks are compared over all crops: standard deviation, in pixels at
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
from neuroceleb.data.faces import align, measure, orientation  # noqa: E402
from neuroceleb.data.faces.detector import LANDMARKS  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402

SIZE_PX = 64
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
    cut = 0
    with tempfile.TemporaryDirectory() as place:
        for path in photos(options.photos_from, options.photos, Path(place) / "photos"):
            crops = both(np.asarray(images.read_photo(path.read_bytes())), detector)
            cut += crops is not None
            for name, crop in (crops or {}).items():
                again = landmarks_in(crop, detector)
                if again is not None:
                    found[name].append(again)
    for name, points in found.items():
        report(name, np.stack(points), cut)


def both(photo: Pixels, detector: YuNet) -> dict[str, Pixels] | None:
    """The largest face cut both ways; None where there is none or the rules leave it out."""
    _, upright, faces = orientation.righted(photo, lambda it: detector.find([it])[0])
    if not faces:
        return None
    matrix = align.placing(faces[0].landmarks)
    if measure.reasons(measure.measure(upright, faces[0], matrix), measure.Rules()):
        return None
    box = align.boxing(faces[0].box)
    return {
        "aligned": align.crop(upright, matrix, SIZE_PX),
        "plain box": align.crop(upright, box, SIZE_PX),
    }


def landmarks_in(crop: Pixels, detector: YuNet) -> NDArray[np.float64] | None:
    """(5, 2) in the crop's pixels, of the largest face; None where none is found."""
    around = cv2.copyMakeBorder(crop, *(MARGIN_PX,) * 4, cv2.BORDER_REPLICATE)
    large = cv2.resize(around, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    faces = detector.find([np.asarray(large, np.uint8)])[0]
    return np.array(faces[0].landmarks) / ENLARGED - MARGIN_PX if faces else None


def report(name: str, points: NDArray[np.float64], cut: int) -> None:
    """`points` is (N, 5, 2)."""
    spread = np.sqrt(points.var(axis=0).mean(axis=1))
    each = "  ".join(f"{mark} {value:.2f}" for mark, value in zip(LANDMARKS, spread, strict=True))
    whole = np.sqrt((spread**2).mean())
    print(f"{name:<10} found again in {len(points)} of {cut}: {whole:.2f} px   ({each})")


if __name__ == "__main__":
    main()
