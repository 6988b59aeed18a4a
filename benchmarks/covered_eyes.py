"""Fit the weights that tell covered eyes: real faces with painted lenses, hair, hands and glare.

    python benchmarks/covered_eyes.py OUTPUT [--data ../shared/data/asian_faces_photos.zip]
    python benchmarks/covered_eyes.py --judge ../shared/data/celeba_mini_96.zip

The first form fits the file in neuroceleb/data/faces/landmark_models; labelled photos are left out.
The second one judges faces that were labelled by eye (labels/covered_eyes.csv). No photo of either
set is in the repository.
"""

import argparse
import csv
import io
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb.data.faces import align, covered_eyes, landmark_measures, landmarks  # noqa: E402
from neuroceleb.data.faces.yunet import YuNet  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402

PAINTED, PLAIN, SEED = 700, 2500, 5
LEAST_PX, LEAST_SCORE, COMPONENTS, STRENGTH = 90, 5.0, 200, 0.01
MAX_YAW = 28.0  # turned faces have a rule of their own

Vectors = NDArray[np.float64]
Frame = tuple[Vectors, Vectors, Vectors, Vectors, float]  # eyes, across, down, distance
draw = np.random.default_rng(SEED)


def main() -> int:
    """Fit or judge; 1 where the photos are missing."""
    parser = argparse.ArgumentParser(description="Fit or judge the measure of covered eyes.")
    parser.add_argument("output", type=Path, nargs="?")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/asian_faces_photos.zip")
    parser.add_argument("--judge", type=Path, metavar="FACES")
    options = parser.parse_args()
    if options.output is None and options.judge is None:
        parser.error("name the file to write, or --judge FACES")
    archive = options.judge or options.data
    if not archive.exists():
        print(f"{archive} is not there.", file=sys.stderr)
        return 1
    cv2.setNumThreads(1)
    if options.judge:
        judge(archive)
    else:
        fit(archive, options.output)
    return 0


# Fitting -----------------------------------------------------------------------------------


def fit(archive: Path, output: Path) -> None:
    """Write the weights."""
    known = {row["file"] for name in ("photos", "eyes_and_nods") for row in labels(name)}
    plain: list[NDArray[np.float32]] = []
    painted: list[NDArray[np.float32]] = []
    mesh, iris, yunet = landmarks.Mesh(), landmarks.Iris(), YuNet()
    with zipfile.ZipFile(archive) as photos:
        names = [name for name in sorted(photos.namelist()) if Path(name).name not in known]
        random.Random(SEED).shuffle(names)
        for name in names:
            photo = opened(photos, name)
            faces = yunet.find([photo])[0]
            if not faces:
                continue
            placing = align.landmark_transform(faces[0].landmarks)
            score, points = mesh.find(photo, placing)
            is_large = align.side_px(placing) > LEAST_PX and score > LEAST_SCORE
            if is_large and len(painted) < PAINTED:
                kind = PAINTERS[draw.integers(len(PAINTERS))]
                painted.append(vector(mesh, iris, kind(photo, points.astype(float)), placing))
            elif len(plain) < PLAIN:
                plain.append(vector(mesh, iris, photo, placing))
            if len(painted) == PAINTED and len(plain) == PLAIN:
                break
    save(output, np.stack(plain), np.stack(painted))


def vector(
    mesh: landmarks.Mesh, iris: landmarks.Iris, photo: Pixels, placing: align.Matrix
) -> NDArray[np.float32]:
    """All numbers of `covered_eyes.features` in a row."""
    _, points, (inner,) = mesh.find_with_layers(photo, placing, (covered_eyes.MESH_LAYER,))
    _, _, (eyes,) = iris.find_with_layers(photo, points, (covered_eyes.IRIS_LAYER,))
    return np.concatenate(covered_eyes.features(inner, eyes))


def save(output: Path, plain: NDArray[np.float32], painted: NDArray[np.float32]) -> None:
    """Fit logistic regression on standardized principal components; write it as one product."""
    rows = np.concatenate([plain, painted])
    truth = np.arange(len(rows)) >= len(plain)
    scaler = StandardScaler().fit(rows)
    reducer = PCA(COMPONENTS, random_state=0).fit(scaler.transform(rows))
    model = LogisticRegression(C=STRENGTH, max_iter=500, class_weight="balanced")
    model.fit(reducer.transform(scaler.transform(rows)), truth)
    direction = (model.coef_ @ reducer.components_)[0]
    weights = (direction / scaler.scale_).astype("<f4")
    bias = model.intercept_[0] - direction @ reducer.mean_ - weights @ scaler.mean_
    mesh, mean, difference = np.split(weights, [len(weights) - 512, len(weights) - 256])
    np.savez(output, mesh=mesh, iris_mean=mean, iris_difference=difference, bias=np.float32(bias))


# Painting ----------------------------------------------------------------------------------


def frame(points: Vectors) -> Frame:
    """The eyes' middles, the directions across and down the face, and the eyes' distance."""
    right, left = (points[list(corners), :2].mean(axis=0) for corners in landmarks.EYE_CORNERS)
    distance = float(np.hypot(*(left - right)))
    across = (left - right) / distance
    return right, left, across, np.array([-across[1], across[0]]), distance


def blend(photo: Pixels, corners: Vectors, colour: Vectors, soft: float, alpha: float) -> Pixels:
    """A soft polygon of a noisy colour over the photo."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.3, soft))
    noise = draw.normal(0, 6, (*photo.shape[:2], 1))
    share = mask[..., None].astype(np.float32) / 255 * alpha
    return np.clip(photo * (1 - share) + (colour + noise) * share, 0, 255).astype(np.uint8)


def ellipse(
    centre: Vectors, across: Vectors, down: Vectors, width: float, height: float
) -> Vectors:
    """The corners of an ellipse with these half axes."""
    angle = np.linspace(0, 2 * np.pi, 24)[:, None]
    return centre + np.cos(angle) * across * width + np.sin(angle) * down * height


def box(centre: Vectors, across: Vectors, down: Vectors, width: float, height: float) -> Vectors:
    """The corners of a rectangle with these half sides."""
    return np.stack(
        [
            centre + x * width * across + y * height * down
            for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    )


def lenses(photo: Pixels, points: Vectors) -> Pixels:
    """Sunglasses of any shape, colour and tint, some with a highlight."""
    right, left, across, down, unit = frame(points)
    colour = np.array([[12, 12, 15], [30, 22, 18], [45, 40, 38], [20, 25, 40], [70, 50, 35]])
    tone, alpha = colour[draw.integers(5)], draw.choice([1.0, 1.0, 0.9, 0.75, 0.6])
    shape = (ellipse, box)[draw.integers(2)]
    width, height = unit * draw.uniform(0.36, 0.46), unit * draw.uniform(0.24, 0.38)
    for eye in (right, left):
        corners = shape(eye + down * unit * 0.04, across, down, width, height)
        photo = blend(photo, corners, tone, unit * 0.012, alpha)
    bridge = box((right + left) / 2 - down * unit * 0.09, across, down, unit / 2, unit * 0.03)
    photo = blend(photo, bridge, tone, unit * 0.01, alpha)
    if draw.random() < 0.3:
        spot = ellipse(right - down * unit * 0.08, across, down, unit * 0.12, unit * 0.04)
        photo = blend(photo, spot, np.full(3, 235.0), unit * 0.03, 0.6)
    return photo


def hair(photo: Pixels, points: Vectors) -> Pixels:
    """Strands over one eye or both."""
    right, left, across, down, unit = frame(points)
    for eye in ((right,), (left,), (right, left))[draw.integers(3)]:
        for _ in range(draw.integers(8, 18)):
            top = eye + across * unit * draw.uniform(-0.5, 0.5) - down * unit * 0.7
            end = top + across * unit * draw.uniform(-0.25, 0.25) + down * unit * 1.2
            thick = across * unit * draw.uniform(0.02, 0.07)
            strand = np.stack([top - thick, top + thick, end + 0.3 * thick, end - 0.3 * thick])
            tone = np.array([35.0, 28.0, 25.0]) * draw.uniform(0.7, 1.3)
            photo = blend(photo, strand, tone, unit * 0.01, draw.uniform(0.8, 1.0))
    return photo


def hand(photo: Pixels, points: Vectors) -> Pixels:
    """Fingers in the colour of the skin, from the side."""
    right, left, across, down, unit = frame(points)
    centre = (right, left, (right + left) / 2)[draw.integers(3)]
    x, y = (int(value) for value in np.clip(points[50, :2], 0, np.array(photo.shape[1::-1]) - 1))
    skin = photo[y, x].astype(np.float64) * draw.uniform(0.8, 1.1)
    angle = draw.uniform(-1, 1)
    along = np.cos(angle) * across * draw.choice([-1, 1]) + np.sin(angle) * down
    beside, thick = np.array([-along[1], along[0]]), unit * draw.uniform(0.13, 0.19)
    for finger in range(4):
        middle = centre + beside * (finger - 1.5) * thick * 1.05 + along * unit * 0.5
        for share, shade in ((0.5, 0.75), (0.36, 1.0)):
            corners = box(middle, along, beside, unit, share * thick)
            photo = blend(photo, corners, skin * shade, unit * 0.03, 1.0)
    return photo


def block(photo: Pixels, points: Vectors) -> Pixels:
    """Something flat of any colour."""
    right, left, across, down, unit = frame(points)
    centre = (right, left, (right + left) / 2)[draw.integers(3)]
    corners = box(centre, across, down, unit * draw.choice([0.45, 1.1]), unit * 0.3)
    return blend(photo, corners, draw.uniform(10, 245, 3), unit * 0.02, 1.0)


def glare(photo: Pixels, points: Vectors) -> Pixels:
    """Light on glasses."""
    right, left, across, down, unit = frame(points)
    for eye in (right, left):
        width, height = unit * draw.uniform(0.2, 0.34), unit * draw.uniform(0.12, 0.24)
        spot = ellipse(eye, across, down, width, height)
        tone = np.full(3, draw.uniform(200, 250))
        photo = blend(photo, spot, tone, unit * 0.04, draw.uniform(0.75, 1.0))
    return photo


PAINTERS: tuple[Callable[[Pixels, Vectors], Pixels], ...] = (
    *(lenses, lenses, lenses),
    *(hair, hand, block, glare),
)


# Judging -----------------------------------------------------------------------------------


def judge(archive: Path) -> None:
    """Print the area under the curve, and what is found and wrongly found."""
    rows = [row for row in labels("covered_eyes") if row["notes"] != "unsure"]
    mesh, iris = landmarks.Mesh(), landmarks.Iris()
    chances, yaws = [], []
    with zipfile.ZipFile(archive) as faces:
        by_name = {Path(name).name: name for name in faces.namelist()}
        for row in rows:
            face = opened(faces, by_name[row["file"]])
            placing = landmarks.whole(face)
            _, points, (inner,) = mesh.find_with_layers(face, placing, (covered_eyes.MESH_LAYER,))
            _, _, (eyes,) = iris.find_with_layers(face, points, (covered_eyes.IRIS_LAYER,))
            chances.append(covered_eyes.chance(inner, eyes))
            yaws.append(landmark_measures.head_angles(landmark_measures.fit(points[None]))[0, 1])
    values, truth = np.array(chances), np.array([row["eyes_covered"] == "1" for row in rows])
    for subset in ("random", "top"):
        chosen = [row["subset"] == subset for row in rows] & (np.abs(yaws) < MAX_YAW)
        found = values[chosen] > 0.5
        right, wrong = int((found & truth[chosen]).sum()), int((found & ~truth[chosen]).sum())
        area = roc_auc_score(truth[chosen], values[chosen])
        print(
            f"{subset}: {chosen.sum()} faces that are not turned, {truth[chosen].sum()} covered; "
            f"found {right}, wrongly {wrong}; area under the curve {area:.3f}"
        )


def labels(name: str) -> list[dict[str, str]]:
    """The rows of a file of labels."""
    with (ROOT / "benchmarks" / "labels" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def opened(archive: zipfile.ZipFile, name: str) -> Pixels:
    """One image, (H, W, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))


if __name__ == "__main__":
    sys.exit(main())
