"""The report of a dataset: report.json, and report.jpg (drawn by `report_image`)."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from neuroceleb import files, images, records
from neuroceleb.data.faces import person_report, report_image, settle
from neuroceleb.data.faces.manifest import KEPT, REJECTED, UNREADABLE, FaceSet, Row
from neuroceleb.errors import Message, gettext_noop
from neuroceleb.records import DamagedFileError
from neuroceleb.settings import IMAGE_SIZE

Report = dict[str, Any]

ENOUGH_FACES = 5_000
LEAST_FACES = 1_000
ADVICE_SHARE = 0.05  # share of the faces that a reason must reject to be mentioned
MAX_NAMES = 100  # that the dataset had earlier
MAX_UNREADABLE = 1_000  # listed in the report; the manifest has all

_EDGES = {
    "yaw": np.linspace(-90, 90, 19),
    "nod": np.linspace(-90, 90, 19),
    "openness": np.linspace(0, 0.6, 25),
    "sharpness": np.array([0, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]),
}

_ADVICE = {
    "blurred": gettext_noop("photos in focus and little compressed"),
    "too_small": gettext_noop("larger photos, or photos taken from closer"),
    "turned": gettext_noop("photos taken from the front"),
    "nodding": gettext_noop("photos taken at eye level"),
    "dark": gettext_noop("photos in better light"),
    "bright": gettext_noop("photos in softer light"),
    "eyes_covered": gettext_noop("photos without sunglasses, hair or hands over the eyes"),
    "eyes_closed": gettext_noop("photos with open eyes"),
    "eyes_narrowed": gettext_noop("photos with wide open eyes"),
    "near_duplicate": gettext_noop("other photos rather than more of the same moment"),
    "grey": gettext_noop("colour photos"),
    "outside_frame": gettext_noop("photos that show the whole head"),
    "low_score": gettext_noop("photos that show faces clearly"),
    "no_face_mesh": gettext_noop("photos of people only"),
}
_LABELS = {
    "blurred": gettext_noop("blurred"),
    "too_small": gettext_noop("too small"),
    "turned": gettext_noop("turned"),
    "nodding": gettext_noop("nodding"),
    "dark": gettext_noop("dark"),
    "bright": gettext_noop("bright"),
    "eyes_covered": gettext_noop("eyes covered"),
    "eyes_closed": gettext_noop("eyes closed"),
    "eyes_narrowed": gettext_noop("eyes narrowed"),
    "near_duplicate": gettext_noop("near duplicate"),
    "grey": gettext_noop("grey"),
    "outside_frame": gettext_noop("outside frame"),
    "low_score": gettext_noop("low score"),
    "no_face_mesh": gettext_noop("hardly a face"),
}


class Saved(TypedDict, total=False):
    """report.json; see `records`."""

    size: int
    detector: str
    align: str
    rows: int
    rules: dict[str, float | str]
    persons: dict[str, float] | None
    quarantined: int
    damaged_lines: int
    former_names: list[str]


def read(face_set: FaceSet) -> Report:
    """report.json; empty without the file. Raises DamagedFileError."""
    return records.read(face_set.report, Saved) or {}


def readable(face_set: FaceSet) -> Report:
    """As `read`; empty where it is damaged, for what is only shown."""
    try:
        return read(face_set)
    except DamagedFileError:
        return {}


def label_of(reason: str) -> Message:
    """What a reason is called."""
    return Message(_LABELS.get(reason, reason.replace("_", " ")))


def write(
    face_set: FaceSet, rows: Sequence[Row], counts: Mapping[str, Any], rules: Mapping[str, Any]
) -> Report:
    """Write report.json and report.jpg of a judged dataset; raises UserError.

    A damaged report.json is set aside first: whoever calls this knows the rules.
    """
    before = readable(face_set)
    if not before:
        records.set_aside(face_set.report, keeps_file=True)
    value: Report = {
        "size": before.get("size", IMAGE_SIZE),
        "detector": before.get("detector", "yunet"),
        "align": before.get("align", "landmarks"),
        "former_names": before.get("former_names", []),
        "system_files": before.get("system_files", 0),
        "other_files": before.get("other_files", 0),
        "zip_names": before.get("zip_names", {}),
        "rows": len(rows),
        **counts,
        "duplicates": counts["by_reason"].get("near_duplicate", 0),
        "histograms": {name: _histogram(rows, name) for name in _EDGES},
        "unreadable_photos": _unreadable(rows),
        "persons": person_report.describe(face_set, rows),
        "quarantined": len(settle.quarantined_files(face_set)),
        "damaged_lines": len(settle.read_damaged_lines(face_set)),
        "rules": dict(rules),
        "verdict": assess(counts),
    }
    files.write_json(face_set.report, value)
    images.save(face_set.report.with_suffix(".jpg"), report_image.draw(face_set, rows, value))
    return value


def add_former_name(face_set: FaceSet, name: str) -> None:
    """Note in report.json a name that the dataset had, by which runs may know it.

    Raises UserError; nothing where there is no report, or a damaged one.
    """
    value = readable(face_set)
    names = [known for known in value.get("former_names", []) if known != name]
    if value:
        files.write_json(face_set.report, value | {"former_names": [*names, name][-MAX_NAMES:]})


def write_persons(face_set: FaceSet, rows: Sequence[Row]) -> None:
    """Write anew what report.json says of the persons.

    Raises UserError, DamagedFileError for a damaged report.json.
    """
    value = read(face_set) | {"persons": person_report.describe(face_set, rows)}
    files.write_json(face_set.report, value)


def _unreadable(rows: Sequence[Row]) -> list[dict[str, str]]:
    found = [row for row in rows if row.verdict == UNREADABLE][:MAX_UNREADABLE]
    return [{"source": row.source, "why": row.reasons[0].text} for row in found]


def _histogram(rows: Sequence[Row], name: str) -> dict[str, list[float]]:
    """Numbers of kept and of rejected faces between consecutive `edges`."""
    edges = _EDGES[name]
    counts = {}
    for verdict_name in (KEPT, REJECTED):
        values = [float(row.measures.get(name, 0)) for row in rows if row.verdict == verdict_name]
        inside = np.clip(values, edges[0], edges[-1])
        counts[verdict_name] = np.histogram(inside, edges)[0].tolist()
    return {"edges": edges.tolist(), **counts}


def assess(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Whether these are enough faces to train on, and which photos would help, as sentences.

    The bounds are those of published small datasets: a GAN memorizes 1,000 faces (StyleGAN2-ADA,
    Karras et al. 2020), and the original system had 7,000.
    """
    kept, faces = int(counts["kept"]), int(counts["faces"])
    if kept >= ENOUGH_FACES:
        text = Message("{kept:,} faces are kept: enough to train on.", kept=kept)
        sentences = [_sentence("enough", text, kept=kept)]
    elif kept >= LEAST_FACES:
        text = Message(
            "{kept:,} faces are kept: enough to begin with; {enough:,} give better faces.",
            kept=kept,
            enough=ENOUGH_FACES,
        )
        sentences = [_sentence("some", text, kept=kept)]
    elif kept:
        text = Message(
            "Only {kept:,} faces are kept: a GAN would memorize them; find {least:,} or more.",
            kept=kept,
            least=LEAST_FACES,
        )
        sentences = [_sentence("few", text, kept=kept)]
    else:
        text = Message("No face is kept: there is nothing to train on.")
        sentences = [_sentence("none", text, kept=0)]
    for name, number in list(counts["by_reason"].items())[:3]:
        if name in _ADVICE and number > ADVICE_SHARE * faces:
            text = Message(
                "{count:,} faces are rejected as {reason}: {advice} help.",
                count=number,
                reason=Message(_LABELS[name]),
                advice=Message(_ADVICE[name]),
            )
            sentences.append(_sentence(f"help_{name}", text, count=number))
    return {"enough": kept >= LEAST_FACES, "sentences": sentences}


def _sentence(name: str, text: Message, **numbers: int) -> dict[str, Any]:
    return {"name": name, **text.as_fields("text"), **numbers}
