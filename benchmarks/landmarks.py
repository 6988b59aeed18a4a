"""Dense landmarks on labelled photos: areas under the curve and processor time.

    python benchmarks/landmarks.py [--data ../shared/data/asian_faces_photos.zip]
    python benchmarks/landmarks.py --mean-face ../shared/data/celeba_mini_96.zip mean_face.npy

The labels are file names and words only (labels/photos.csv); the photos are not in the repository.
The largest face of a photo counts; rows marked `unsure` for a label are left out for it. The second
form computes the mean face in neuroceleb/data/faces/landmark_models again.
"""

import argparse
import csv
import io
import random
import sys
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb.data.faces import align, landmark_measures, landmarks, pose  # noqa: E402
from neuroceleb.data.faces.detector import Face  # noqa: E402
from neuroceleb.data.faces.landmark_features import features  # noqa: E402
from neuroceleb.data.faces.rules import Rules  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402

MEAN_FACES, MEAN_SEED, LEAST_SCORE, KEPT, ROUNDS = 2000, 20, 8.0, 0.95, 8


def main() -> int:
    """Print the tables; 1 where the photos are not there."""
    parser = argparse.ArgumentParser(description="Measure dense landmarks on labelled photos.")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/asian_faces_photos.zip")
    parser.add_argument("--mean-face", type=Path, nargs=2, metavar=("FACES", "OUTPUT"))
    options = parser.parse_args()
    needed = options.mean_face[0] if options.mean_face else options.data
    if not needed.exists():
        print(f"{needed} is not there.", file=sys.stderr)
        return 1
    cv2.setNumThreads(1)
    if options.mean_face:
        np.save(options.mean_face[1], mean_face(needed).astype("<f4"))
    else:
        report(needed)
    return 0


def report(archive: Path) -> None:
    """Print areas under the curve, milliseconds a face, and what the rules find."""
    rows = labels("photos")
    photos = read(archive, {row["file"] for row in rows})
    detector, yunet = landmarks.LandmarkDetector(), YuNet()
    known: list[tuple[dict[str, str], Face]] = []
    found: list[landmarks.Landmarks] = []
    began = time.process_time()
    in_yunet = 0.0
    for row in rows:
        started = time.process_time()
        faces = yunet.find([photos[row["file"]]])[0]
        in_yunet += time.process_time() - started
        if faces:
            known.append((row, faces[0]))
            found.append(detector.find(photos[row["file"]], faces[0].landmarks))
    each = (time.process_time() - began - in_yunet) / len(found) * 1e3
    print(
        f"{len(rows)} photos, {len(found)} faces; mesh and irises {each:.1f} ms of processor each"
    )
    crops = [
        align.crop(photos[row["file"]], align.landmark_transform(face.landmarks), 64)
        for row, face in known
    ]
    began = time.process_time()
    features(np.stack(crops), workers=1)
    each = (time.process_time() - began) / len(crops) * 1e3
    print(f"all features of a 64-px crop {each:.1f} ms of processor each\n")
    everything = landmarks.concatenate(found)
    print_areas(known, everything)
    print_rules(archive, float(np.median(pitches(everything))))


def labels(name: str) -> list[dict[str, str]]:
    """The rows of a file of labels."""
    with (ROOT / f"benchmarks/labels/{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def pitches(found: landmarks.Landmarks) -> NDArray[np.float64]:
    """(N,) degrees."""
    return landmark_measures.head_angles(landmark_measures.fit(found.meshes))[:, 2]


def print_rules(archive: Path, median: float) -> None:
    """Precision and recall of the default rules on photos searched for closed eyes and nods.

    `median` is the pitch that nods are relative to.
    """
    rows = labels("eyes_and_nods")
    photos = read(archive, {row["file"] for row in rows})
    yunet, detector, rules = YuNet(), landmarks.LandmarkDetector(), Rules()
    faces = [yunet.find([photos[row["file"]]])[0][0] for row in rows]
    found = landmarks.concatenate(
        [
            detector.find(photos[row["file"]], face.landmarks)
            for row, face in zip(rows, faces, strict=True)
        ]
    )
    rejected = {
        "eyes_closed": landmark_measures.openness(found.eyes) < rules.min_openness,
        "nodding": np.abs(pitches(found) - median) > rules.max_pitch,
    }
    print("\n| rule | half | faces | precision | recall |\n|---|---|---|---|---|")
    for label, chosen in rejected.items():
        for half in ("tune", "test"):
            sure = np.array(
                [row["half"] == half and f"unsure {label}" not in row["notes"] for row in rows]
            )
            truth = np.array([row[label] == "1" for row in rows])[sure]
            right = int((chosen[sure] & truth).sum())
            print(
                f"| {label} | {half} | {len(truth)} | {right} of {chosen[sure].sum()} | "
                f"{right} of {truth.sum()} |"
            )


def print_areas(known: list[tuple[dict[str, str], Face]], found: landmarks.Landmarks) -> None:
    """A line for each label, measure and half."""
    angles = landmark_measures.head_angles(landmark_measures.fit(found.meshes))
    of_five = np.array(
        [[pose.angles(face)[name] for name in ("yaw", "pitch")] for _, face in known]
    )
    measured = [
        ("eyes_closed", "openness", -landmark_measures.openness(found.eyes)),
        ("nodding", "pitch of the mesh", apart(angles[:, 2])),
        ("nodding", "pitch of five points", apart(of_five[:, 1])),
        ("turned", "yaw of the mesh", np.abs(angles[:, 1])),
        ("turned", "yaw of five points", np.abs(of_five[:, 0])),
    ]
    print("| label | measure | half | faces | positives | area under the curve |")
    print("|---|---|---|---|---|---|")
    for label, name, scores in measured:
        for half in ("all", "tune", "test"):
            sure = [
                half in {"all", row["half"]} and f"unsure {label}" not in row["notes"]
                for row, _ in known
            ]
            truth = np.array([row[label] == "1" for row, _ in known])[sure]
            area = roc_auc_score(truth, scores[sure])
            print(f"| {label} | {name} | {half} | {len(truth)} | {truth.sum()} | {area:.3f} |")


def apart(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the set's median."""
    return np.abs(angles - np.median(angles))


def read(archive: Path, names: set[str]) -> dict[str, Pixels]:
    """The photos of these file names."""
    photos = {}
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.namelist():
            if Path(entry).name in names:
                image = Image.open(io.BytesIO(opened.read(entry))).convert("RGB")
                photos[Path(entry).name] = np.asarray(image)
    return photos


def mean_face(archive: Path) -> NDArray[np.float64]:
    """The symmetric mean of the meshes found in aligned faces, its eyes' middles 1 apart."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if name.endswith(".jpg"))
    chosen = random.Random(MEAN_SEED).sample(names, MEAN_FACES)
    faces = read(archive, {Path(name).name for name in chosen})
    mesh = landmarks.Mesh()
    found = [mesh.find_aligned(reduced(faces[Path(name).name])) for name in chosen]
    meshes = np.stack([points for score, points in found if score > LEAST_SCORE]).astype(np.float64)
    mean = symmetric(meshes.mean(axis=0))
    for _ in range(ROUNDS):
        fitted = landmark_measures.fit(meshes, mean).points
        away = landmark_measures.length(fitted - mean).mean(axis=1)
        mean = symmetric(fitted[away < np.quantile(away, KEPT)].mean(axis=0))
    return mean


def reduced(face: Pixels) -> Pixels:
    """To 64 px a side."""
    return np.asarray(Image.fromarray(face).resize((64, 64), Image.Resampling.LANCZOS))


def symmetric(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the sum of a mesh and its mirror image, its eyes' middles 1 apart, around the middle."""
    order = landmark_measures.mirror_order()
    mirrored = points[order] * np.array([-1.0, 1.0, 1.0])
    mirrored += np.array([points[:, 0].mean() - mirrored[:, 0].mean(), 0.0, 0.0])
    both = (points + mirrored) / 2
    right, left = (both[list(corners)].mean(axis=0) for corners in landmarks.EYE_CORNERS)
    return np.asarray((both - (right + left) / 2) / np.linalg.norm(left - right))


if __name__ == "__main__":
    sys.exit(main())
