"""The course of a run as the page shows it: state, sample sheets, figures; as plain JSON."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neuroceleb.app.faces import SHIPPED_MODEL
from neuroceleb.errors import UserError
from neuroceleb.runs import charts, evaluation
from neuroceleb.runs.charts import Stats
from neuroceleb.runs.run import ACTIVE, Run
from neuroceleb.runs.workspace import Workspace

ETA_STEP_S = 10
LIGHT_BYTES = 160_000  # a sheet of no more than this is sent to scrub as it is


def watchable(workspace: Workspace) -> list[Run]:
    """The runs that have something to show or are going on, the one to begin with first."""
    runs = [run for run in workspace.runs() if run.sheets() or run.stats() or is_going_on(run)]
    return sorted(runs, key=lambda run: (not is_going_on(run), run.name != SHIPPED_MODEL, run.name))


def is_going_on(run: Run) -> bool:
    """Whether new epochs may still come by themselves."""
    return run.state() in ACTIVE | {"queued"}


def read_run(workspace: Workspace, name: Any) -> Run:
    """The run of that name; raises UserError for anything else."""
    if not isinstance(name, str) or not name:
        raise UserError("No run is chosen: choose one of the list.")
    return workspace.run(name)


def watch(workspace: Workspace, name: str, other: str) -> dict[str, Any]:
    """All that the tab shows: the runs there are, the chosen one, the one beside it if any.

    A run that is not there (any more) gives way to the first; `stamp` changes with the answer.
    """
    runs = watchable(workspace)
    names = [run.name for run in runs]
    chosen = name if name in names else next(iter(names), None)
    value = {
        "runs": [{"name": run.name, "state": run.state(), "recipe": _recipe(run)} for run in runs],
        "run": course(workspace.run(chosen)) if chosen else None,
        "other": course(workspace.run(other)) if other in names else None,
    }
    stamp = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
    return {"stamp": stamp, **value}


def course(run: Run) -> dict[str, Any]:
    """One run: how it stands, its sheets and kept weights, its figures as the charts draw them."""
    stats = charts.with_evaluations(run.stats(), evaluation.read(run.path))
    status = run.status()
    best = charts.best_epoch(stats)
    return {
        "name": run.name,
        "state": status["state"],
        "message": str(status.get("message") or ""),
        "epochs": status.get("epochs"),
        "eta_seconds": _rounded(status.get("eta_seconds")),
        "imported": is_imported(run),
        "recipe": _recipe(run),
        "sheets": [sheet_line(epoch, path) for epoch, path in run.sheets().items()],
        "kept": list(run.kept()),
        "figures": figures(stats),
        "best": asdict(best) if best else None,
    }


def figures(stats: Stats) -> dict[str, Any]:
    """The charts of a run, each with the values of its lines; epochs and images on the x axis."""
    return {
        "epochs": [row["epoch"] for row in stats],
        "images": charts.values(stats, "images_seen"),
        "resumed": charts.resumed(stats),
        "charts": [
            {
                **{key: value for key, value in asdict(chart).items() if key != "lines"},
                "lines": [
                    {**asdict(line), "values": charts.values(stats, line.key)}
                    for line in chart.lines
                ],
            }
            for chart in charts.charts_of(stats)
        ],
    }


def sheet_line(epoch: int, path: Path) -> dict[str, Any]:
    """One sheet: its epoch, a word that changes with its content, whether it is light enough."""
    stamp, size = _stamp(path)
    return {"epoch": epoch, "v": f"{stamp:x}-{size:x}", "light": is_light(size)}


def is_light(size_bytes: int) -> bool:
    """Whether a sheet's file itself is small enough to hold many of in the page."""
    return size_bytes <= LIGHT_BYTES


def sheet_file(workspace: Workspace, name: str, epoch: int) -> Path:
    """The file of one sample sheet; raises UserError where the run has none for that epoch."""
    sheets = workspace.run(name).sheets()
    if epoch not in sheets:
        raise UserError(f"The run '{name}' has no sample sheet of epoch {epoch}.")
    return sheets[epoch]


def is_imported(run: Run) -> bool:
    """Whether the original script made the run: its fixed noise is then not our seeds 0 to 63."""
    try:
        return "imported" in run.config()
    except UserError:
        return False


def _recipe(run: Run) -> str:
    try:
        return str(run.config().get("recipe", ""))
    except UserError:
        return ""


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = os.stat(path)
    except OSError:  # gone since it was listed
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def _rounded(seconds: Any) -> int | None:
    """So coarse that the page is not told of every second."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return round(seconds / ETA_STEP_S) * ETA_STEP_S if is_number else None
