"""The evaluations of a run's epochs, and the best epoch by one stated rule.

`evaluation.json` in the run directory holds one entry per evaluated epoch; rows of `stats.jsonl`
may hold quick figures under `quality`.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neuroceleb import files, records
from neuroceleb.records import DamagedFileError
from neuroceleb.runs.figures import finite
from neuroceleb.runs.schemas import Evaluation

FILE = "evaluation.json"
MAX_FILE_BYTES = 64 * 2**20

MAX_SHARE_BELOW = 0.02
RULE = (
    "Best is the epoch with the smallest sliced Wasserstein distance among those whose share of "
    "well-formed faces is at most 2 points below the highest share."
)

# What must be equal for the figures of two epochs to be comparable.
CONDITIONS = ("n_fake", "n_real", "seed", "data", "split")

_EPOCH = re.compile(r"[0-9]{1,9}")

Entry = dict[str, Any]


def best(figures: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The best epoch by RULE, the earlier of two equal ones; None if no epoch has a `swd`.

    `figures` are, by epoch, `swd` and, if it was measured, `well_formed` (a share). If any epoch
    has a share, epochs without one are ignored.
    """
    measured = {epoch: row for epoch, row in figures.items() if finite(row.get("swd")) is not None}
    shares = {
        epoch: share
        for epoch, row in measured.items()
        if (share := finite(row.get("well_formed"))) is not None
    }
    if shares:
        enough = max(shares.values()) - MAX_SHARE_BELOW - 1e-9
        measured = {epoch: measured[epoch] for epoch, share in shares.items() if share >= enough}
    return min(measured, key=lambda epoch: (measured[epoch]["swd"], epoch), default=None)


def may_become_best(figures: Mapping[int, Mapping[str, Any]], epoch: int) -> bool:
    """Whether `epoch` can be the best now or when later epochs are known, by RULE.

    It cannot where an earlier epoch has at least its share of well-formed faces and at most its
    distance. That is more than being the best now: a later, higher share can exclude that one.
    """
    row = figures[epoch]
    distance = finite(row.get("swd"))
    if distance is None:
        return False
    share = finite(row.get("well_formed"))
    for earlier, other in figures.items():
        other_distance, other_share = finite(other.get("swd")), finite(other.get("well_formed"))
        if earlier >= epoch or other_distance is None or (other_share is None) != (share is None):
            continue
        if other_distance <= distance and (other_share or 0.0) >= (share or 0.0):
            return False
    return True


def count_since(figures: Mapping[int, Mapping[str, Any]], epoch: int) -> int:
    """The number of evaluated epochs after `epoch`."""
    return sum(other > epoch for other in figures)


def of_stats(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The quick figures in rows of stats.jsonl, by epoch."""
    found = ((row.get("epoch"), row.get("quality")) for row in rows)
    return {e: q for e, q in found if isinstance(e, int) and isinstance(q, Mapping)}


def of_entries(entries: Mapping[int, Entry]) -> dict[int, dict[str, Any]]:
    """`swd` and `well_formed` of the full evaluations that are comparable with the newest."""
    if not entries:
        return {}
    newest = max(entries.values(), key=lambda entry: str(entry.get("evaluated")))
    comparable = {
        epoch: entry
        for epoch, entry in entries.items()
        if all(entry.get(key) == newest.get(key) for key in CONDITIONS)
    }
    return {
        epoch: {
            "swd": part(entry, "swd").get("mean"),
            "well_formed": part(entry, "well_formed").get("share"),
        }
        for epoch, entry in comparable.items()
    }


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


def write(folder: Path, epoch: int, entry: Entry) -> None:
    """Write an epoch's entry to evaluation.json, replacing an older one. Raises UserError.

    A damaged evaluation.json is set aside first.
    """
    try:
        before = read(folder)
    except DamagedFileError:
        records.set_aside(folder / FILE, keeps_file=True)
        before = {}
    entries = dict(sorted({**before, epoch: entry}.items()))
    value = {
        "rule": RULE,
        "best": best(of_entries(entries)),
        "epochs": {str(number): entry for number, entry in entries.items()},
    }
    files.write_json(folder / FILE, value)
