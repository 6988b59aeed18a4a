"""What was measured of a run's epochs, and which of them is the best by one stated rule.

`evaluation.json` in the run directory holds one entry an epoch that was evaluated; rows of
`stats.jsonl` may hold quick figures under `quality`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuroceleb import files

FILE = "evaluation.json"
MAX_FILE_BYTES = 64 * 2**20

WITHIN = 0.02
RULE = (
    "Best is the epoch with the smallest sliced Wasserstein distance among those whose share of "
    "well-formed faces is at most 2 points below the highest share."
)

# What must be alike for figures of two epochs to be compared.
ALIKE = ("n_fake", "n_real", "seed", "data", "split")

Entry = dict[str, Any]


def best(figures: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The best epoch of these by RULE, the earlier of two alike; None where nothing is told.

    `figures` are, for each epoch, `swd` and, where faces were looked at, `well_formed` (a share);
    epochs without a `swd`, and if any has a share those without one, are passed over.
    """
    told = {epoch: row for epoch, row in figures.items() if _is_number(row.get("swd"))}
    shares = {
        e: row["well_formed"] for e, row in told.items() if _is_number(row.get("well_formed"))
    }
    if shares:
        enough = max(shares.values()) - WITHIN - 1e-9
        told = {epoch: told[epoch] for epoch, share in shares.items() if share >= enough}
    return min(told, key=lambda epoch: (told[epoch]["swd"], epoch), default=None)


def _is_number(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]


def of_stats(rows: Iterable[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """The quick figures in rows of stats.jsonl, by epoch."""
    found = ((row.get("epoch"), row.get("quality")) for row in rows)
    return {e: q for e, q in found if isinstance(e, int) and isinstance(q, Mapping)}


def of_entries(entries: Mapping[int, Entry]) -> dict[int, dict[str, Any]]:
    """The same two figures of full evaluations, of those that can be compared with the newest."""
    if not entries:
        return {}
    newest = max(entries.values(), key=lambda entry: str(entry.get("evaluated")))
    alike = {
        epoch: entry
        for epoch, entry in entries.items()
        if all(entry.get(key) == newest.get(key) for key in ALIKE)
    }
    return {
        epoch: {
            "swd": _part(entry, "swd").get("mean"),
            "well_formed": _part(entry, "well_formed").get("share"),
        }
        for epoch, entry in alike.items()
    }


def _part(entry: Entry, name: str) -> dict[str, Any]:
    part = entry.get(name)
    return part if isinstance(part, dict) else {}


def read(folder: Path) -> dict[int, Entry]:
    """The entries of a run directory's evaluation.json by epoch; {} without a whole one."""
    path = folder / FILE
    entries: dict[int, Entry] = {}
    with suppress(OSError, ValueError, TypeError, AttributeError):
        if path.stat().st_size <= MAX_FILE_BYTES:
            value = json.loads(path.read_text("utf-8"))
            for epoch, entry in value["epochs"].items():
                if epoch.isdecimal() and isinstance(entry, dict):
                    entries[int(epoch)] = entry
    return dict(sorted(entries.items()))


def write(folder: Path, epoch: int, entry: Entry) -> None:
    """Put an epoch's entry into evaluation.json, in place of an older one. Raises UserError."""
    entries = dict(sorted({**read(folder), epoch: entry}.items()))
    value = {
        "rule": RULE,
        "best": best(of_entries(entries)),
        "epochs": {str(number): entry for number, entry in entries.items()},
    }
    files.write_json(folder / FILE, value)
