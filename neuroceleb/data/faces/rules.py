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
from neuroceleb.errors import Message, UserError, gettext_noop


@dataclass(frozen=True)
class Rules:
    """The thresholds a face is judged by. Every one is a setting; 0 or the extreme disables it.

    The defaults were fitted to labels of photos looked at one by one; see docs/results.md.
    """

    min_source_px: float = number(48, "Least side of the crop in the photo, pixels.", 0, 4_000)
    min_score: float = number(0.7, "Least score of the detector, 0 to 1.", 0, 1)
    min_face_score: float = number(
        7, "Least score of detector and face mesh together; most faces have 15 to 40.", -50, 50
    )
    min_sharpness: float = number(90, "Least sharpness; most photos have over 250.", 0, 1_000)
    min_brightness: float = number(65, "Least mean brightness of the face, 0 to 255.", 0, 255)
    max_brightness: float = number(225, "Greatest mean brightness of the face.", 0, 255)
    max_yaw: float = number(28, "Greatest turn to a side, degrees.", 0, 180)
    max_pitch: float = number(
        18, "Greatest nod up or down from the median of the photos, degrees.", 0, 180
    )
    max_eyes_covered: float = number(0.5, "Greatest chance that the eyes are covered.", 0, 1)
    min_openness: float = number(
        0.15, "Least height of the eyes over their width; less is closed, 0: never.", 0, 1
    )
    min_clear_openness: float = number(
        0, "Least height of the eyes over their width; less is narrowed, 0: never.", 0, 1
    )
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
    "too_small": _Limit(
        "source_px", "min_source_px", True, gettext_noop("too small: {value:.0f} of {limit:.0f} px")
    ),
    "low_score": _Limit(
        "score",
        "min_score",
        True,
        gettext_noop("hardly a face: score {value:.2f}, at least {limit:.2f}"),
    ),
    "no_face_mesh": _Limit(
        "face_score",
        "min_face_score",
        True,
        gettext_noop("hardly a face: face score {value:.1f}, at least {limit:.1f}"),
    ),
    "blurred": _Limit(
        "sharpness",
        "min_sharpness",
        True,
        gettext_noop("blurred: sharpness {value:.0f}, at least {limit:.0f}"),
    ),
    "dark": _Limit(
        "brightness",
        "min_brightness",
        True,
        gettext_noop("too dark: {value:.0f}, at least {limit:.0f}"),
    ),
    "bright": _Limit(
        "brightness",
        "max_brightness",
        False,
        gettext_noop("too bright: {value:.0f}, at most {limit:.0f}"),
    ),
    "turned": _Limit(
        "yaw", "max_yaw", False, gettext_noop("turned: {value:.0f}°, at most {limit:.0f}°")
    ),
    "nodding": _Limit(
        "nod",
        "max_pitch",
        False,
        gettext_noop("nodding: {value:.0f}° from the others, at most {limit:.0f}°"),
    ),
    "eyes_covered": _Limit(
        "eyes_covered",
        "max_eyes_covered",
        False,
        gettext_noop("eyes covered: {value:.2f}, at most {limit:.2f}"),
    ),
    "eyes_closed": _Limit(
        "openness",
        "min_openness",
        True,
        gettext_noop("eyes closed: {value:.2f} high, at least {limit:.2f} of their width"),
    ),
    "eyes_narrowed": _Limit(
        "openness",
        "min_clear_openness",
        True,
        gettext_noop("eyes narrowed: {value:.2f} high, at least {limit:.2f} of their width"),
    ),
    "outside_frame": _Limit(
        "outside",
        "max_outside",
        False,
        gettext_noop("outside the photo: {value:.0%}, at most {limit:.0%}"),
    ),
}
_SIGNED = ("yaw", "nod")  # the absolute value is compared
_GROUP_TEXTS = {
    "grey": gettext_noop("grey among coloured photos: chroma {value:.1f}, at least {limit:.1f}"),
    "near_duplicate": gettext_noop(
        "nearly the same as a sharper one: {value:.0f} bits apart, at least {limit:.0f}"
    ),
    "not_chosen": gettext_noop(
        "another face of the photo was chosen: this is number {value:.0f}, only {limit:.0f} stays"
    ),
}
# Likelihoods of Google's detector: 0.75 is its LIKELY.
_GOOGLE = {
    "blurred": (
        "google_blurred",
        gettext_noop("blurred (Google): likelihood {value:.2f}, below {limit:.2f}"),
    ),
    "dark": (
        "google_under_exposed",
        gettext_noop("too dark (Google): likelihood {value:.2f}, below {limit:.2f}"),
    ),
    "eyes_covered": (
        "google_headwear",
        gettext_noop("headwear (Google): likelihood {value:.2f}, below {limit:.2f}"),
    ),
}
_UNCERTAIN = gettext_noop("uncertain landmarks (Google): {value:.2f}, at least {limit:.2f}")
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
            found.append(Reason(name, value, threshold, _text(limit.text, compared, threshold)))
    found = _without_consequences(found)
    return found + _google_reasons(measures)


# What a reason makes meaningless: landmarks of covered eyes and of things that are no faces.
_CONSEQUENCES = {
    "no_face_mesh": ("turned", "eyes_covered", "eyes_closed", "eyes_narrowed"),
    "eyes_covered": ("eyes_closed", "eyes_narrowed"),
    "eyes_closed": ("eyes_narrowed",),
}


def _without_consequences(reasons: list[Reason]) -> list[Reason]:
    names = {reason.name for reason in reasons}
    dropped = {name for cause in names for name in _CONSEQUENCES.get(cause, ())}
    return [reason for reason in reasons if reason.name not in dropped]


def group_reason(name: str, value: float, limit: float) -> Reason:
    """A reason that depends on other faces: `grey`, `near_duplicate` or `not_chosen`."""
    return Reason(name, value, limit, _text(_GROUP_TEXTS[name], value, limit))


def _google_reasons(measures: Measures) -> list[Reason]:
    found = []
    for name, (measure, text) in _GOOGLE.items():
        value = float(measures.get(measure, 0.0))
        if value >= _GOOGLE_LIKELY:
            found.append(Reason(name, value, _GOOGLE_LIKELY, _text(text, value, _GOOGLE_LIKELY)))
    confidence = float(measures.get("google_landmark_confidence", 1.0))
    if 0.0 < confidence < _GOOGLE_MIN_LANDMARKS:
        limit = _GOOGLE_MIN_LANDMARKS
        text = _text(_UNCERTAIN, confidence, limit)
        found.append(Reason("low_score", confidence, limit, text))
    return found


def _text(text: str, value: float, limit: float) -> str:
    return str(Message(text, value=value, limit=limit))


def message_of(reason: Reason) -> Message:
    """The sentence of a reason, translatable where it is one of this version."""
    value = abs(reason.value)
    for text in _texts_of(reason.name):
        message = Message(text, value=value, limit=reason.limit)
        if str(message) == reason.text:
            return message
    return Message(reason.text)


def _texts_of(name: str) -> list[str]:
    texts = [_LIMITS[name].text] if name in _LIMITS else []
    texts += [_GOOGLE[name][1]] if name in _GOOGLE else []
    return [*texts, *([_GROUP_TEXTS[name]] if name in _GROUP_TEXTS else []), _UNCERTAIN]
