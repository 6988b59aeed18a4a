"""The rules that decide whether a face is kept, and the reasons why it is not.

The rules read the measures of a face only (see `measure`), so they can change without the photos.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuroceleb import bounds
from neuroceleb.bounds import choice, number
from neuroceleb.data.faces.measure import Measures
from neuroceleb.errors import UserError


@dataclass(frozen=True)
class Rules:
    """The thresholds a face is judged by. Every one is a setting; 0 or the extreme disables it.

    The defaults were fitted to labels of photos looked at one by one; see docs/results.md.
    """

    min_source_px: float = number(48, "Least side of the crop in the photo, pixels.", 0, 4_000)
    min_score: float = number(0.7, "Least score of the detector, 0 to 1.", 0, 1)
    min_sharpness: float = number(90, "Least sharpness; most photos have over 250.", 0, 1_000)
    min_brightness: float = number(65, "Least mean brightness of the face, 0 to 255.", 0, 255)
    max_brightness: float = number(225, "Greatest mean brightness of the face.", 0, 255)
    max_yaw: float = number(28, "Greatest turn to a side, degrees.", 0, 180)
    max_pitch: float = number(20, "Greatest nod up or down, degrees.", 0, 180)
    max_eyes_covered: float = number(0.5, "Greatest chance that the eyes are covered.", 0, 1)
    max_mouth_covered: float = number(0.9, "Greatest chance that the mouth is covered.", 0, 1)
    max_eyes_closed: float = number(1.0, "Greatest chance that the eyes are closed.", 0, 1)
    max_outside: float = number(0.15, "Greatest share of the crop outside its photo.", 0, 1)
    duplicate_bits: float = number(
        56, "Photos whose hashes differ in fewer of 256 bits are the same; 0: none.", 0, 128
    )
    min_colour: float = number(
        3, "In a coloured set, a face of less chroma (0 to 128) is grey; 0: never.", 0, 128
    )
    faces: str = choice(
        "all",
        "Of several faces in a photo: all, the largest, or the most central.",
        *("all", "largest", "central"),
    )

    @classmethod
    def checked(cls, **values: Any) -> "Rules":
        """Rules with these values; raises UserError that names the first one out of bounds."""
        specs = {spec.name: spec for spec in dataclasses.fields(cls)}
        for name, value in values.items():
            if name not in specs:
                raise UserError("There is no rule '{name}': fix its name.", name=name[:40])
            bounds.check(specs[name], value)
        return cls(**values)

    @classmethod
    def off(cls) -> "Rules":
        """Rules that reject nothing."""
        values: dict[str, float] = {}
        for spec in dataclasses.fields(cls):
            if "low" in spec.metadata:
                is_maximum = spec.name.startswith("max_")
                values[spec.name] = spec.metadata["high" if is_maximum else "low"]
        return cls(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a face is rejected: a name, the measured value, the limit it broke, and a sentence."""

    name: str
    value: float
    limit: float
    text: str


@dataclass(frozen=True)
class _Limit:
    """Which measure a rule limits, from below (`is_minimum`) or above; `text` has both numbers."""

    measure: str
    rule: str
    is_minimum: bool
    text: str


# By the name of the reason. The reasons that depend on other faces are decided in `review`.
_LIMITS = {
    "too_small": _Limit("source_px", "min_source_px", True, "too small: {:.0f} of {:.0f} px"),
    "low_score": _Limit("score", "min_score", True, "hardly a face: score {:.2f}, at least {:.2f}"),
    "blurred": _Limit(
        "sharpness", "min_sharpness", True, "blurred: sharpness {:.0f}, at least {:.0f}"
    ),
    "dark": _Limit("brightness", "min_brightness", True, "too dark: {:.0f}, at least {:.0f}"),
    "bright": _Limit("brightness", "max_brightness", False, "too bright: {:.0f}, at most {:.0f}"),
    "turned": _Limit("yaw", "max_yaw", False, "turned: {:.0f}°, at most {:.0f}°"),
    "nodding": _Limit("pitch", "max_pitch", False, "nodding: {:.0f}°, at most {:.0f}°"),
    "eyes_covered": _Limit(
        "eyes_covered", "max_eyes_covered", False, "eyes covered: {:.2f}, at most {:.2f}"
    ),
    "mouth_covered": _Limit(
        "mouth_covered", "max_mouth_covered", False, "mouth covered: {:.2f}, at most {:.2f}"
    ),
    "eyes_closed": _Limit(
        "eyes_closed", "max_eyes_closed", False, "eyes closed: {:.2f}, at most {:.2f}"
    ),
    "outside_frame": _Limit(
        "outside", "max_outside", False, "outside the photo: {:.0%}, at most {:.0%}"
    ),
}
_SIGNED = ("yaw", "pitch")  # the absolute value is compared
_GROUP_TEXTS = {
    "grey": "grey among coloured photos: chroma {:.1f}, at least {:.1f}",
    "near_duplicate": "nearly the same as a sharper one: {:.0f} bits apart, at least {:.0f}",
    "not_chosen": "another face of the photo was chosen: this is number {:.0f}, only {:.0f} stays",
}
# Likelihoods of Google's detector: 0.75 is its LIKELY.
_GOOGLE = {
    "blurred": ("google_blurred", "blurred (Google): likelihood {:.2f}, below {:.2f}"),
    "dark": ("google_under_exposed", "too dark (Google): likelihood {:.2f}, below {:.2f}"),
    "eyes_covered": ("google_headwear", "headwear (Google): likelihood {:.2f}, below {:.2f}"),
}
_GOOGLE_LIKELY = 0.75
_GOOGLE_MIN_LANDMARKS = 0.2  # confidence of its landmarks

# What each threshold limits, and the reason it gives: rule -> (measure, reason).
RULE_TARGETS = {limit.rule: (limit.measure, name) for name, limit in _LIMITS.items()} | {
    "min_colour": ("colour", "grey"),
}


def face_reasons(measures: Measures, rules: Rules) -> list[Reason]:
    """Why a face is rejected by its own measures; empty where it is not."""
    found = []
    for name, limit in _LIMITS.items():
        value = float(measures.get(limit.measure, np.nan))
        threshold = float(getattr(rules, limit.rule))
        compared = abs(value) if limit.measure in _SIGNED else value
        if compared < threshold if limit.is_minimum else compared > threshold:
            found.append(Reason(name, value, threshold, limit.text.format(compared, threshold)))
    return found + _google_reasons(measures)


def group_reason(name: str, value: float, limit: float) -> Reason:
    """A reason that depends on other faces: `grey`, `near_duplicate` or `not_chosen`."""
    return Reason(name, value, limit, _GROUP_TEXTS[name].format(value, limit))


def _google_reasons(measures: Measures) -> list[Reason]:
    found = []
    for name, (measure, text) in _GOOGLE.items():
        value = float(measures.get(measure, 0.0))
        if value >= _GOOGLE_LIKELY:
            found.append(Reason(name, value, _GOOGLE_LIKELY, text.format(value, _GOOGLE_LIKELY)))
    confidence = float(measures.get("google_landmark_confidence", 1.0))
    if 0.0 < confidence < _GOOGLE_MIN_LANDMARKS:
        limit = _GOOGLE_MIN_LANDMARKS
        text = f"uncertain landmarks (Google): {confidence:.2f}, at least {limit:.2f}"
        found.append(Reason("low_score", confidence, limit, text))
    return found
