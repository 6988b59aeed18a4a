"""The models that a run can start from, as their run directories describe them."""

from pathlib import Path
from typing import Any

from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, shipped_workspace
from neuroceleb.settings import Settings

FEW_FACES = 5_000  # from so many faces on, a run starts from noise


def shipped(run: Run) -> dict[str, Any]:
    """What config.json says about a run that ships with the program; {} for any other."""
    try:
        described = run.config().get("shipped")
    except UserError:
        return {}
    return described if isinstance(described, dict) else {}


def candidates(workspace: Workspace) -> list[Run]:
    """The shipped runs that are meant as starts, by name: `shipped.start` in their config.json.

    They are also found from a workspace that is not the repository; a run of its own by the same
    name comes first.
    """
    places = [place for place in (shipped_workspace(), workspace) if place is not None]
    runs = {run.name: run for place in places for run in place.runs() if _is_start(run)}
    return [runs[name] for name in sorted(runs)]


def find(workspace: Workspace, model: str) -> Path:
    """The generator weights of a model to start from: see `Workspace.weights`; raises UserError.

    A shipped model is found by its name from any workspace.
    """
    try:
        return workspace.weights(model)
    except UserError:
        named = [run for run in candidates(workspace) if run.name == model]
        if not named:
            raise
        return named[0].weights()


def _is_start(run: Run) -> bool:
    return shipped(run).get("start") is True and bool(run.kept())


def has_widths_of(run: Run, settings: Settings) -> bool:
    """Whether a run's config.json names a generator of the widths in these settings."""
    try:
        trained = run.config().get("settings")
    except UserError:
        return False
    if not isinstance(trained, dict):
        return False
    return all(trained.get(key) == getattr(settings, key) for key in ("nz", "ngf"))
