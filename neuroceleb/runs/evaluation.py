"""The evaluations of a run's epochs, and the best epoch by one stated rule.

`evaluation.json` in the run directory holds one entry per evaluated epoch; rows of `stats.jsonl`
may hold quick figures under `quality`.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from neuroceleb import files, records
from neuroceleb.records import DamagedFileError
from neuroceleb.runs.figures import finite
from neuroceleb.runs.schemas import Evaluation

FILE = "evaluation.json"
MAX_FILE_BYTES = 64 * 2**20

MAX_SHARE_BELOW = 0.02
MAX_TIMES_NEAREST = 1.5
RULE = (
    "Best is the epoch with the lowest mean flaw score among those whose share of well-formed "
    "faces is at most 2 points below the highest share and whose sliced Wasserstein distance is at "
    "most 1.5 times the smallest among these; without flaw scores it is the one with the smallest."
)

# What must be equal for the figures of two epochs to be comparable.
CONDITIONS = ("n_fake", "n_real", "seed", "data", "split")

_EPOCH = re.compile(r"[0-9]{1,9}")

FIGURES = ("swd", "well_formed", "flaw_score")  # those that RULE names

Entry = dict[str, Any]
K = TypeVar("K")  # an epoch, or what else is compared


def best(figures: Mapping[K, Mapping[str, Any]]) -> K | None:
    """The best epoch by RULE, the first of equal ones; None if no epoch has a `swd`.

    `figures` are, by epoch, `swd` and, if they were measured, `well_formed` (a share) and
    `flaw_score` (a mean, 0..1). If any epoch has one of these, epochs without it are ignored.

    The flaw score decides, as it ranks generators as eyes do; the distance alone prefers sharper
    faces of which more are broken. The distance keeps out epochs whose faces are not those of the
    photos: the first ones of a run that starts from a model of others, or a collapse.
    """
    distances, shares, scores = (_known(figures, name) for name in FIGURES)
    chosen = set(distances)
    if chosen & set(shares):
        enough = max(shares[epoch] for epoch in chosen & set(shares)) - MAX_SHARE_BELOW - 1e-9
        chosen = {epoch for epoch in chosen & set(shares) if shares[epoch] >= enough}
    scored = chosen & set(scores)
    if not scored:
        return _lowest(distances, [epoch for epoch in figures if epoch in chosen])
    most = MAX_TIMES_NEAREST * min(distances[epoch] for epoch in scored)
    near = [epoch for epoch in figures if epoch in scored and distances[epoch] <= most]
    return _lowest(scores, near)


def deciding_figure(row: Mapping[str, Any]) -> str:
    """The figure by which `best` chose the epoch that has these figures."""
    return "swd" if finite(row.get("flaw_score")) is None else "flaw_score"


def may_become_best(figures: Mapping[int, Mapping[str, Any]], epoch: int) -> bool:
    """Whether `epoch` can be the best now or when later epochs are known, by RULE.

    It cannot where an earlier epoch has at least its share of well-formed faces, at most its
    distance and at most its flaw score. That is more than being the best now: a later epoch with a
    higher share or a smaller distance can exclude that one.
    """
    distances, shares, scores = (_known(figures, name) for name in FIGURES)
    if epoch not in distances:
        return False
    for earlier in distances:
        if earlier >= epoch or any((earlier in it) != (epoch in it) for it in (shares, scores)):
            continue
        is_as_good = (
            distances[earlier] <= distances[epoch]
            and shares.get(earlier, 0.0) >= shares.get(epoch, 0.0)
            and scores.get(earlier, 0.0) <= scores.get(epoch, 0.0)
        )
        if is_as_good:
            return False
    return True


def _known(figures: Mapping[K, Mapping[str, Any]], name: str) -> dict[K, float]:
    """A figure of the epochs that have it, a finite number."""
    found = ((epoch, finite(row.get(name))) for epoch, row in figures.items())
    return {epoch: value for epoch, value in found if value is not None}


def _lowest(values: Mapping[K, float], epochs: Iterable[K]) -> K | None:
    return min(epochs, key=lambda epoch: values[epoch], default=None)


def count_since(figures: Mapping[int, Mapping[str, Any]], epoch: int) -> int:
    """The number of evaluated epochs after `epoch`."""
    return sum(other > epoch for other in figures)


def of_stats(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The quick figures in rows of stats.jsonl, by epoch."""
    found = ((row.get("epoch"), row.get("quality")) for row in rows)
    return {e: q for e, q in found if isinstance(e, int) and isinstance(q, Mapping)}


def of_entries(entries: Mapping[int, Entry]) -> dict[int, dict[str, Any]]:
    """FIGURES of the full evaluations comparable with the newest of those of most faces."""
    if not entries:
        return {}
    leading = max(entries.values(), key=lambda entry: (_faces(entry), str(entry.get("evaluated"))))
    comparable = {
        epoch: entry
        for epoch, entry in entries.items()
        if all(entry.get(key) == leading.get(key) for key in CONDITIONS)
    }
    return {
        epoch: {
            "swd": part(entry, "swd").get("mean"),
            "well_formed": part(entry, "well_formed").get("share"),
            "flaw_score": part(entry, "flawless").get("mean_score"),
        }
        for epoch, entry in comparable.items()
    }


def _faces(entry: Entry) -> float:
    """The number of generated faces that were measured."""
    return finite(entry.get("n_fake")) or 0.0


def part(entry: Entry, name: str) -> dict[str, Any]:
    """A part of an entry, by its name; {} where it has none."""
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def read(folder: Path) -> dict[int, Entry]:
    """The entries of a run directory's evaluation.json by epoch; {} without the file.

    Raises DamagedFileError.
    """
    value = records.read(folder / FILE, Evaluation, MAX_FILE_BYTES)
    epochs = {} if value is None else value["epochs"]
    return dict(sorted((int(epoch), epochs[epoch]) for epoch in epochs if _EPOCH.fullmatch(epoch)))


def readable(folder: Path) -> dict[int, Entry]:
    """As `read`; {} where the file is damaged (`Run.damage` reports it)."""
    try:
        return read(folder)
    except DamagedFileError:
        return {}


def write(folder: Path, epoch: int, entry: Entry) -> bool:
    """Write an epoch's entry to evaluation.json, replacing an older one; returns whether it did.

    One of more faces of the same weights is more certain and stays. A damaged evaluation.json is
    set aside first. Raises UserError.
    """
    try:
        before = read(folder)
    except DamagedFileError:
        records.set_aside(folder / FILE, keeps_file=True)
        before = {}
    older = before.get(epoch, {})
    if older.get("sha256") == entry.get("sha256") and _faces(older) > _faces(entry):
        return False
    entries = dict(sorted({**before, epoch: entry}.items()))
    value = {
        "rule": RULE,
        "best": best(of_entries(entries)),
        "epochs": {str(number): entry for number, entry in entries.items()},
    }
    files.write_json(folder / FILE, value)
    return True
