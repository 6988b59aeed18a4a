"""The history of losses and scores that the original script and its many copies pickled."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from neuroceleb.runs.figures import finite

Row = dict[str, Any]

MAX_EPOCHS = 100_000

# The names of a figure in the copies of the script, lower case, letters and digits only.
NAMES: dict[str, tuple[str, ...]] = {
    "loss_d": ("lossd", "dloss", "errd", "lossesd", "dlosses"),
    "loss_g": ("lossg", "gloss", "errg", "lossesg", "glosses"),
    "d_x": ("dx", "dxs"),
    "d_g_z1": ("dgz1", "dgz1s", "dgzbefore", "dgz"),
    "d_g_z2": ("dgz2", "dgz2s", "dgzafter"),
}


def stats_rows(history: Any, epochs: int = 0) -> list[Row]:
    """The rows of `stats.jsonl`, one per epoch, from a history.

    A history is a dictionary of lists, one per figure, or a list (or dictionary) of dictionaries,
    one per epoch. If it has more values than `epochs`, they are values of steps: a row then holds
    their mean and, as `last_…`, the last. Raises ValueError for anything else.
    """
    columns = _columns(history)
    known = {key: column for key, column in columns.items() if column}
    if not known:
        raise ValueError("it names no losses or scores")
    longest = max(map(len, known.values()))
    if not epochs and longest > MAX_EPOCHS:
        raise ValueError(f"it has {longest:,} values, and no sheets say how many epochs these are")
    count = min(epochs, longest) if epochs else longest
    edges = [place * longest // count for place in range(count + 1)]
    rows = []
    for epoch, (start, end) in enumerate(pairwise(edges)):
        row: Row = {"epoch": epoch}
        for key, column in known.items():
            part = column[start:end]
            if part:
                row[key] = finite(sum(part) / len(part))
                if end - start > 1:
                    row[f"last_{key}"] = finite(part[-1])
        rows.append(row)
    return rows


def _columns(history: Any) -> dict[str, list[float]]:
    """The values of each figure, under its name in `stats.jsonl`."""
    if isinstance(history, dict) and not any(isinstance(v, dict) for v in history.values()):
        pairs = [(str(name), value) for name, value in history.items()]
        return {
            key: [float(item) for item in value if _is_number(item)]
            for name, value in pairs
            if (key := _key(name)) and isinstance(value, list)
        }
    if isinstance(history, dict):
        order = sorted((k, v) for k, v in history.items() if isinstance(k, int))
        entries: Sequence[Any] = [value for _, value in order]
    else:
        entries = history if isinstance(history, list) else []
    columns: dict[str, list[float]] = {}
    for entry in entries:
        for name, value in entry.items() if isinstance(entry, dict) else ():
            key = _key(str(name))
            if key and _is_number(value):
                columns.setdefault(key, []).append(float(value))
    return columns


def _key(name: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("train"))
    return next((key for key, names in NAMES.items() if plain in names), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
