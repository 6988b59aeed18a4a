"""The course of a run as the page shows it: state, sample sheets, figures."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import plotly.graph_objects as go

from .. import charts
from ..errors import UserError
from ..runs import GOING_ON, Run, Workspace
from .faces import SHIPPED_MODEL


def watchable(workspace: Workspace) -> list[Run]:
    """The runs that have something to show or are going on, the one to begin with first."""
    runs = [run for run in workspace.runs() if run.sheets() or run.stats() or is_going_on(run)]
    return sorted(runs, key=lambda run: (not is_going_on(run), run.name != SHIPPED_MODEL, run.name))


def is_going_on(run: Run) -> bool:
    """Whether new epochs may still come by themselves."""
    return run.state() in GOING_ON | {"queued"}


def read_run(workspace: Workspace, name: Any) -> Run:
    """The run of that name; raises UserError for anything else."""
    if not isinstance(name, str) or not name:
        raise UserError("No run is chosen: choose one of the list.")
    return workspace.run(name)


def course(run: Run) -> dict[str, Any]:
    """All the Progress tab shows of a run, as plain JSON values."""
    stats = run.stats()
    status = run.status()
    seen = {row["epoch"]: row.get("images_seen") for row in stats}
    return {
        "run": run.name,
        "state": status["state"],
        "message": str(status.get("message") or ""),
        "epochs": status.get("epochs"),
        "eta_seconds": status.get("eta_seconds"),
        "sheets": [_sheet(run, epoch, path, seen) for epoch, path in run.sheets().items()],
        "losses": _plain(charts.loss_figure(stats)),
        "scores": _plain(charts.score_figure(stats)),
        "rows": len(stats),
    }


def sheet_file(workspace: Workspace, name: str, epoch: int) -> Path:
    """The file of one sample sheet; raises UserError where the run has none for that epoch."""
    sheets = workspace.run(name).sheets()
    if epoch not in sheets:
        raise UserError(f"The run '{name}' has no sample sheet of epoch {epoch}.")
    return sheets[epoch]


def _sheet(run: Run, epoch: int, path: Path, seen: dict[int, Any]) -> dict[str, Any]:
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    size = path.stat().st_size if path.exists() else 0
    return {
        "epoch": epoch,
        "url": f"sheets/{quote(run.name, safe='')}/{epoch}?v={stamp}",
        "bytes": size,
        "seen": seen.get(epoch),
    }


def _plain(figure: go.Figure) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(figure.to_json())
    return plain
