"""Is a face good enough to learn from? Measures in numbers, and reasons in words and numbers.

Measuring needs the photo and is done once; judging needs the measures only, so thresholds may
change later without looking at a photo again.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neuroceleb.data.faces import align, duplicates, occlusion, pose
from neuroceleb.data.faces.detector import Face
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

MEASURED_PX = 96  # the aligned crop on which sharpness, light and hash are measured

Measures = dict[str, Any]  # numbers, and `hash` in hexadecimal


def _threshold(default: float, help: str, low: float, high: float) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True)
class Rules:
    """The thresholds a face is judged by. Every one is a setting; 0 or the extreme switches it off.

    The defaults were set by labels of photos looked at one by one; see docs/results.md.
    """

    min_source_px: float = _threshold(48, "Least side of the cut in the photo, pixels.", 0, 4_000)
    min_score: float = _threshold(0.7, "Least score of the detector, 0 to 1.", 0, 1)
    min_sharpness: float = _threshold(90, "Least sharpness; most photos have over 250.", 0, 1_000)
    min_brightness: float = _threshold(65, "Least mean brightness of the face, 0 to 255.", 0, 255)
    max_brightness: float = _threshold(225, "Greatest mean brightness of the face.", 0, 255)
    max_yaw: float = _threshold(28, "Furthest turn to a side, degrees.", 0, 180)
    max_pitch: float = _threshold(20, "Furthest nod up or down, degrees.", 0, 180)
    max_eyes_covered: float = _threshold(0.5, "Greatest chance that the eyes are covered.", 0, 1)
    max_mouth_covered: float = _threshold(0.9, "Greatest chance that the mouth is covered.", 0, 1)
    max_eyes_closed: float = _threshold(1.0, "Greatest chance that the eyes are closed.", 0, 1)
    max_outside: float = _threshold(0.15, "Greatest share of the cut outside its photo.", 0, 1)
    duplicate_bits: float = _threshold(
        56, "Photos whose hashes differ in fewer of 256 bits are the same; 0: none.", 0, 128
    )
    min_colour: float = _threshold(
        3, "In a coloured set, a face of less chroma (0 to 128) is grey; 0: never.", 0, 128
    )
    faces: str = field(
        default="all",
        metadata={
            "help": "Of several faces in a photo: all, the largest, or the most central.",
            "choices": ("all", "largest", "central"),
        },
    )

    @classmethod
    def checked(cls, **values: Any) -> "Rules":
        """Rules with these values; raises UserError that names the first one out of bounds."""
        specs = {spec.name: spec for spec in dataclasses.fields(cls)}
        for name, value in values.items():
            if name not in specs:
                raise UserError(f"There is no rule '{name[:40]}': mend its name.")
            _check(name, value, specs[name].metadata)
        return cls(**values)

    @classmethod
    def off(cls) -> "Rules":
        """Rules that leave nothing out."""
        values: dict[str, float] = {}
        for spec in dataclasses.fields(cls):
            if "low" in spec.metadata:
                is_ceiling = spec.name.startswith("max_")
                values[spec.name] = spec.metadata["high" if is_ceiling else "low"]
        return cls(**values)  # type: ignore[arg-type]


def _check(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    flag = "--" + name.replace("_", "-")
    if "choices" in bounds:
        if value not in bounds["choices"]:
            raise UserError(f"{flag} {value!s:.40} is not known: use {_listed(bounds['choices'])}.")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{flag} {value!s:.40} is not a number: mend it and try again.")
    elif not bounds["low"] <= value <= bounds["high"]:
        raise UserError(
            f"{flag} {value:g} is out of bounds: use {bounds['low']:g} to {bounds['high']:g}."
        )


def _listed(choices: tuple[str, ...]) -> str:
    return ", ".join(choices[:-1]) + " or " + choices[-1]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a face is left out: its name, the measured number and the limit it broke."""

    name: str
    value: float
    limit: float
    text: str


# Each reason: the measure it looks at, the rule that limits it, whether the limit is a floor, and
# its words. What depends on other faces (grey, near_duplicate, not_chosen) is judged in `curate`.
_ALONE = {
    "too_small": ("source_px", "min_source_px", True, "too small: {:.0f} of {:.0f} px"),
    "low_score": ("score", "min_score", True, "hardly a face: score {:.2f}, at least {:.2f}"),
    "blurred": ("sharpness", "min_sharpness", True, "blurred: sharpness {:.0f}, at least {:.0f}"),
    "dark": ("brightness", "min_brightness", True, "too dark: {:.0f}, at least {:.0f}"),
    "bright": ("brightness", "max_brightness", False, "too bright: {:.0f}, at most {:.0f}"),
    "turned": ("yaw", "max_yaw", False, "turned: {:.0f}°, at most {:.0f}°"),
    "nodding": ("pitch", "max_pitch", False, "nodding: {:.0f}°, at most {:.0f}°"),
    "eyes_covered": ("eyes_covered", "max_eyes_covered", False, "eyes covered: {:.2f} over {:.2f}"),
    "mouth_covered": (
        "mouth_covered",
        "max_mouth_covered",
        False,
        "mouth covered: {:.2f} over {:.2f}",
    ),
    "eyes_closed": ("eyes_closed", "max_eyes_closed", False, "eyes closed: {:.2f} over {:.2f}"),
    "outside_frame": ("outside", "max_outside", False, "outside the photo: {:.0%}, at most {:.0%}"),
}
_SIGNED = ("yaw", "pitch")  # judged by their size
_TOGETHER = {
    "grey": "grey among coloured photos: chroma {:.1f}, at least {:.1f}",
    "near_duplicate": "nearly the same as a sharper one: {:.0f} bits apart, at least {:.0f}",
    "not_chosen": "another face of the photo was chosen: this is number {:.0f}, only {:.0f} stays",
}
# What Google says of a face: a likelihood of 0.75 is its LIKELY.
_GOOGLE = {
    "blurred": ("google_blurred", "blurred, says Google: likelihood {:.2f}, under {:.2f}"),
    "dark": ("google_under_exposed", "too dark, says Google: likelihood {:.2f}, under {:.2f}"),
    "eyes_covered": ("google_headwear", "headwear, says Google: likelihood {:.2f}, under {:.2f}"),
}
_GOOGLE_LIKELY = 0.75
_GOOGLE_LANDMARKS = 0.2  # least landmark confidence

REASONS = (*_ALONE, *_TOGETHER, "overruled")
# What each threshold looks at, and the reason it gives: rule -> (measure, reason).
RULED = {rule: (measure, name) for name, (measure, rule, _, _) in _ALONE.items()} | {
    "min_colour": ("colour", "grey"),
}


def reason(name: str, value: float, limit: float) -> Reason:
    """One of the reasons that depend on other faces."""
    return Reason(name, value, limit, _TOGETHER[name].format(value, limit))


def measure(photo: Pixels, face: Face, matrix: align.Matrix) -> Measures:
    """Everything judging needs to know of one face, in plain numbers.

    `matrix` is its `align.placing`. Angles in degrees, `sharpness` the variance of the Laplacian
    of a 96 px crop, `brightness` 0..255, `colour` the mean chroma, `outside` and the chances of
    covered and closed 0..1.
    """
    height, width = photo.shape[:2]
    seen = align.crop(photo, matrix, MEASURED_PX)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB)
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)
    angles = pose.angles(face)
    chances = occlusion.chances(seen)
    numbers = {
        "score": face.score,
        "source_px": align.side_px(matrix),
        "sharpness": sharpness(grey),
        "brightness": float(_face_of(grey).mean()),
        "colour": _chroma(lab),
        "outside": align.outside(matrix, width, height),
        **angles,
        **chances,
        **{f"google_{name}": value for name, value in face.extras.items()},
    }
    rounded: Measures = {name: round(float(value), 4) for name, value in numbers.items()}
    return rounded | {"hash": duplicates.phash(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY))}


def sharpness(grey: NDArray[Any]) -> float:
    """Variance of the Laplacian of the face, of its light alone: contrast is divided out.

    Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    face = _face_of(grey).astype(np.float32)
    contrast = max(12.0, float(face.std()))
    edges = cv2.Laplacian(face, cv2.CV_32F)[1:-1, 1:-1]
    return float(edges.var()) * (40.0 / contrast) ** 2


def _face_of(grey: NDArray[Any]) -> NDArray[Any]:
    """From the brows to under the mouth, and between the temples."""
    size = len(grey)
    return grey[int(0.36 * size) : int(0.94 * size), int(0.2 * size) : int(0.8 * size)]


def _chroma(lab: NDArray[Any]) -> float:
    apart = lab[:, :, 1:].astype(np.float32) - 128.0
    return float(np.hypot(apart[:, :, 0], apart[:, :, 1]).mean())


def reasons(measures: Measures, rules: Rules) -> list[Reason]:
    """Why a face is left out on its own account; none where it may stay."""
    found = []
    for name, (measure_name, rule, is_floor, words) in _ALONE.items():
        value, limit = float(measures.get(measure_name, np.nan)), float(getattr(rules, rule))
        size = abs(value) if measure_name in _SIGNED else value
        if size < limit if is_floor else size > limit:
            found.append(Reason(name, value, limit, words.format(size, limit)))
    return found + _google_reasons(measures)


def _google_reasons(measures: Measures) -> list[Reason]:
    found = []
    for name, (measure_name, words) in _GOOGLE.items():
        value = float(measures.get(measure_name, 0.0))
        if value >= _GOOGLE_LIKELY:
            found.append(Reason(name, value, _GOOGLE_LIKELY, words.format(value, _GOOGLE_LIKELY)))
    confidence = float(measures.get("google_landmark_confidence", 1.0))
    if 0.0 < confidence < _GOOGLE_LANDMARKS:
        text = f"unsure landmarks, says Google: {confidence:.2f}, at least {_GOOGLE_LANDMARKS:.2f}"
        found.append(Reason("low_score", confidence, _GOOGLE_LANDMARKS, text))
    return found
