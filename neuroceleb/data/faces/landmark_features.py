"""A vector of numbers for each face, from dense landmarks and the pixels at them.

Input for a classifier that separates flawed generated faces from good ones. Most numbers compare
a face with the mean face, with its own mirror image, or one network's result with another's.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import landmark_measures as measures
from neuroceleb.data.faces import landmarks
from neuroceleb.data.faces.landmark_measures import Doubles
from neuroceleb.data.faces.landmarks import LandmarkDetector, Landmarks
from neuroceleb.images import Pixels

LIMIT = 1e4  # larger values are cut: no feature of a face comes near
AT_ONCE = 32
PATCH_PX = 64
EYE_OUTLINE = (*range(9), *range(15, 8, -1))  # around the lids, in the order of a polygon
MOUTH_UNSIGNED = ("middle", "tilt")
FACE_UNSIGNED = ("eye_tilt", "brow_difference", "nose_tip_x", "nose_tilt", "chin_x")
IRIS_EDGE = 1.2  # radii from its centre; farther pixels are not iris

_REGIONS = {
    "all": "all points",
    "right_eye": "right eye",
    "left_eye": "left eye",
    "brows": "brows",
    "nose": "nose",
    "mouth": "mouth",
    "oval": "outline",
}
_PAIRED = {"all": "all points", "eyes": "both eyes"} | {
    name: text for name, text in _REGIONS.items() if name in {"brows", "nose", "mouth", "oval"}
}

FEATURES: dict[str, str] = {
    "score": "mesh network's logit for a face",
    "roll": "degrees, clockwise",
    "yaw": "degrees, turned to the viewer's right",
    "pitch": "degrees, nodding down, relative to the mean face",
    **{f"residual_{n}": f"{t}: distance from the mean face" for n, t in _REGIONS.items()},
    **{f"asymmetry_{n}": f"{t}: distance from the own mirror image" for n, t in _PAIRED.items()},
    **{
        f"disagreement_{n}": f"{t}: distance from the mesh of the mirrored crop"
        for n, t in _REGIONS.items()
    },
    "openness": "lid gap over eye width, weighted towards the nearer eye",
    "openness_right": "right eye's lid gap over its width",
    "openness_left": "left eye's lid gap over its width",
    "openness_difference": "between the eyes, absolute",
    "openness_of_mesh": "as openness, from the mesh instead of the iris network",
    "openness_disagreement": "between mesh and iris network, the larger of both eyes, absolute",
    "eye_width_ratio": "logarithm of left over right eye's width in the image, absolute",
    "contour_right": "right eye: distance of mesh's and iris network's contours, over eye width",
    "contour_left": "left eye: the same",
    "iris_radius_right": "right iris's radius over eye width",
    "iris_radius_left": "left iris's radius over eye width",
    "iris_radius_ratio": "logarithm of left over right radius in pixels, absolute",
    "iris_roundness_right": "right iris's height over width",
    "iris_roundness_left": "left iris's height over width",
    "iris_gaze": "irises' place along the eyes, right less left: 0 straight on",
    "iris_vergence": "irises' place along the eyes, right plus left: about 1, above cross-eyed",
    "iris_above": "irises' mean height over the corners, over eye width",
    "iris_above_difference": "between the eyes, absolute",
    "mouth_openness": "lip gap over width",
    "mouth_width": "between the corners",
    "mouth_upper_lip": "height of the upper lip",
    "mouth_lower_lip": "height of the lower lip",
    "mouth_middle": "x of the corners' middle, off the face's middle, absolute",
    "mouth_drop": "corners below the lips' middle",
    "mouth_tilt": "height difference of the corners, absolute",
    "face_eyes_apart": "distance of the eyes",
    "face_eye_tilt": "height difference of the eyes, absolute",
    "face_brow_height": "brows above the eyes",
    "face_brow_difference": "difference of the brows' heights, absolute",
    "face_nose_length": "root to tip",
    "face_nose_width": "between the wings",
    "face_nose_tip_x": "tip off the face's middle, absolute",
    "face_nose_tilt": "height difference of the wings, absolute",
    "face_face_width": "between the cheeks",
    "face_face_height": "chin to forehead",
    "face_chin_x": "chin off the face's middle, absolute",
    "face_chin_below_mouth": "chin below the lower lip",
    "iris_contrast_right": "right eye: brightness around the iris less that of the iris, 0..1",
    "iris_contrast_left": "left eye: the same",
    "iris_contrast_difference": "between the eyes, absolute",
    "iris_colour_difference": "root mean square over R, G and B, 0..1, between the irises",
    "eye_likeness": "correlation of the right eye's pixels with the mirrored left eye's, -1..1",
    "eye_detail_right": "logarithm of the Laplacian's deviation in the right eye's window",
    "eye_detail_left": "the same of the left eye's",
    "eye_detail_difference": "between the eyes, absolute",
    "face_detail": "logarithm of the Laplacian's deviation in the whole crop",
    **{
        f"colour_asymmetry_{n}": f"{t}: root mean square of colour (0..1) less that mirrored"
        for n, t in _PAIRED.items()
    },
}
"""Name and meaning of each feature, in the order of the columns. Lengths without another unit are
in that of the mean face, whose eyes are 1 apart, after the mesh is fitted to it."""


def features(faces: Pixels, workers: int | None = None) -> NDArray[np.float32]:
    """The features of N aligned crops, (N, S, S, 3) uint8 RGB: (N, F) float32, all finite.

    The columns are those of `FEATURES`. Each of `workers` threads (None: one a processor) has
    its own networks. Raises UserError where the weights are missing or damaged.
    """
    landmarks.verify()
    parts = [faces[start : start + AT_ONCE] for start in range(0, len(faces), AT_ONCE)]
    count = max(1, min(workers or os.cpu_count() or 1, len(parts)))
    with ThreadPoolExecutor(count) as pool:
        shares = list(pool.map(_share, [parts[first::count] for first in range(count)]))
    rows = [shares[index % count][index // count] for index in range(len(parts))]
    return np.concatenate([np.zeros((0, len(FEATURES)), np.float32), *rows])


def features_of(
    faces: Pixels, found: Landmarks, mirrored_meshes: landmarks.Floats
) -> NDArray[np.float32]:
    """The features, (N, F) float32, of crops whose landmarks are known.

    `mirrored_meshes` (N, 468, 3) are the meshes of the mirrored crops, in their pixels. The two
    differ by about as much as faces are asymmetric, so geometry is that of their mean.
    """
    mirrored = measures.unmirrored(mirrored_meshes, faces.shape[2])
    meshes = (found.meshes + mirrored) / 2
    fitted = measures.fit(meshes)
    apart = measures.disagreements(measures.fit(found.meshes), measures.fit(mirrored))
    columns = {
        "score": found.scores.astype(np.float64),
        **dict(zip(("roll", "yaw", "pitch"), measures.head_angles(fitted).T, strict=True)),
        **_named("residual", measures.residuals(fitted)),
        **_named("asymmetry", _paired(measures.asymmetries(fitted))),
        **_named("disagreement", apart),
        **_eye_columns(found, meshes),
        **_iris_columns(found),
        **_named("mouth", _unsigned(measures.mouth_shapes(fitted), MOUTH_UNSIGNED)),
        **_named("face", _unsigned(measures.face_shapes(fitted), FACE_UNSIGNED)),
        **_pixel_columns(faces, found),
    }
    table = np.stack([columns[name] for name in FEATURES], axis=1)
    finite = np.nan_to_num(table, nan=0.0, posinf=LIMIT, neginf=-LIMIT)
    return np.asarray(np.clip(finite, -LIMIT, LIMIT), np.float32)


def _share(parts: list[Pixels]) -> list[NDArray[np.float32]]:
    """One worker's parts, with networks of its own."""
    if not parts:
        return []
    detector = LandmarkDetector()
    return [_features(detector, faces) for faces in parts]


def _features(detector: LandmarkDetector, faces: Pixels) -> NDArray[np.float32]:
    found = detector.find_aligned(faces)
    flipped = np.ascontiguousarray(faces[:, :, ::-1])
    mirrored = np.stack([detector.mesh.find_aligned(face)[1] for face in flipped])
    return features_of(faces, found, mirrored)


def _named(prefix: str, columns: dict[str, Doubles]) -> dict[str, Doubles]:
    return {f"{prefix}_{name}": values for name, values in columns.items()}


def _paired(columns: dict[str, Doubles]) -> dict[str, Doubles]:
    """By region, where both eyes have the same figure."""
    return {"eyes": columns["right_eye"]} | columns


def _unsigned(columns: dict[str, Doubles], names: tuple[str, ...]) -> dict[str, Doubles]:
    return {name: np.abs(v) if name in names else v for name, v in columns.items()}


def _eye_columns(found: Landmarks, meshes: Doubles) -> dict[str, Doubles]:
    by_eye = measures.eye_openness(found.eyes)
    of_mesh = measures.mesh_contours(meshes)
    widths = np.maximum(measures.eye_widths(found.eyes), measures.TINY)
    contours = measures.contour_disagreement(meshes, found.eyes)
    apart = np.abs(measures.eye_openness(of_mesh) - by_eye)
    return {
        "openness": measures.openness(found.eyes),
        "openness_right": by_eye[:, 0],
        "openness_left": by_eye[:, 1],
        "openness_difference": np.abs(by_eye[:, 1] - by_eye[:, 0]),
        "openness_of_mesh": measures.openness(of_mesh),
        "openness_disagreement": apart.max(axis=1),
        "eye_width_ratio": np.abs(np.log(widths[:, 1] / widths[:, 0])),
        "contour_right": contours[:, 0],
        "contour_left": contours[:, 1],
    }


def _iris_columns(found: Landmarks) -> dict[str, Doubles]:
    shapes = measures.iris_shapes(found.eyes, found.irises)
    radius, along, above = shapes["radius"], shapes["along"], shapes["above"]
    pixels = np.maximum(radius * measures.eye_widths(found.eyes), measures.TINY)
    return {
        "iris_radius_right": radius[:, 0],
        "iris_radius_left": radius[:, 1],
        "iris_radius_ratio": np.abs(np.log(pixels[:, 1] / pixels[:, 0])),
        "iris_roundness_right": shapes["roundness"][:, 0],
        "iris_roundness_left": shapes["roundness"][:, 1],
        "iris_gaze": along[:, 0] - along[:, 1],
        "iris_vergence": along.sum(axis=1),
        "iris_above": above.mean(axis=1),
        "iris_above_difference": np.abs(above[:, 1] - above[:, 0]),
    }


def _pixel_columns(faces: Pixels, found: Landmarks) -> dict[str, Doubles]:
    eyes = [list(_eye_pixels(face, found, index)) for index, face in enumerate(faces)]
    colours = np.array([[eye[0] for eye in both] for both in eyes])  # (N, 2, 3) of the irises
    contrast = np.array([[eye[1] for eye in both] for both in eyes])
    detail = np.array([[_detail(eye[2]) for eye in both] for both in eyes])
    asymmetry = np.stack(
        [_mirrored_colours(f, m) for f, m in zip(faces, found.meshes, strict=True)]
    )
    return {
        "iris_contrast_right": contrast[:, 0],
        "iris_contrast_left": contrast[:, 1],
        "iris_contrast_difference": np.abs(contrast[:, 1] - contrast[:, 0]),
        "iris_colour_difference": measures.rms(colours[:, 1] - colours[:, 0], 1),
        "eye_likeness": np.array([_correlation(both[0][2], both[1][2]) for both in eyes]),
        "eye_detail_right": detail[:, 0],
        "eye_detail_left": detail[:, 1],
        "eye_detail_difference": np.abs(detail[:, 1] - detail[:, 0]),
        "face_detail": np.array([_detail(face) for face in faces]),
        **_named("colour_asymmetry", _paired(measures.by_region(asymmetry))),
    }


def _eye_pixels(
    face: Pixels, found: Landmarks, index: int
) -> Iterator[tuple[NDArray[np.float64], float, Pixels]]:
    """Of each eye the iris's mean colour (0..1), its contrast and the window's pixels."""
    for side, (outer, inner) in enumerate(landmarks.EYE_CORNERS):
        mesh = found.meshes[index]
        window = landmarks.eye_window(mesh[outer, :2], mesh[inner, :2])
        patch = landmarks.cut(face, window, PATCH_PX)
        outline = _in_patch(found.eyes[index, side, list(EYE_OUTLINE)], window)
        iris = _in_patch(found.irises[index, side], window)
        radius = float(measures.length(iris[1:] - iris[0]).mean())
        within = _filled(outline)
        core = within & _disc(iris[0], radius)
        around = within & ~_disc(iris[0], IRIS_EDGE * radius)
        colour, ground = _mean_colour(patch, core), _mean_colour(patch, around)
        yield colour, float((ground - colour).mean()), patch


def _in_patch(points: landmarks.Floats, window: NDArray[np.float64]) -> Doubles:
    placed = points[:, :2] @ window[:, :2].T + window[:, 2]
    return np.clip(placed * PATCH_PX - 0.5, -PATCH_PX, 2.0 * PATCH_PX)


def _filled(outline: Doubles) -> NDArray[np.bool_]:
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    return mask.astype(np.bool_)


def _disc(centre: Doubles, radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[:PATCH_PX, :PATCH_PX]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) <= radius)


def _mean_colour(patch: Pixels, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean R, G and B, 0..1, of a mask's pixels; of the whole patch where the mask is empty."""
    chosen = patch[mask] if mask.any() else patch.reshape(-1, 3)
    return np.asarray(chosen.mean(axis=0) / 255)


def _detail(image: Pixels) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(np.log1p(cv2.Laplacian(grey, cv2.CV_32F).std()))


def _correlation(one: Pixels, other: Pixels) -> float:
    first, second = one.astype(np.float64), other.astype(np.float64)
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / scale) if scale > measures.TINY else 0.0


def _mirrored_colours(face: Pixels, mesh: landmarks.Floats) -> Doubles:
    """(468,): how much the colour (0..1) at each point differs from that at its counterpart."""
    soft = cv2.GaussianBlur(face, (0, 0), face.shape[0] / 64)
    places = np.clip(mesh[:, :2] - 0.5, -1.0, face.shape[0])
    at = [np.ascontiguousarray(places[None, :, axis]) for axis in (0, 1)]
    sampled = cv2.remap(soft, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colours = sampled[0].astype(np.float64) / 255
    return measures.rms(colours - colours[measures.mirror_order()], 1)
