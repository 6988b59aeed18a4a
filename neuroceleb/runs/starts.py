"""The models that a run can start from, as their run directories describe them."""

from typing import Any

from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
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
    """The shipped runs that are meant as starts, by name: `shipped.start` in their config.json."""
    return [run for run in workspace.runs() if shipped(run).get("start") is True and run.kept()]


def has_widths_of(run: Run, settings: Settings) -> bool:
    """Whether a run's config.json names a generator of the widths in these settings."""
    try:
        trained = run.config().get("settings")
    except UserError:
        return False
    if not isinstance(trained, dict):
        return False
    return all(trained.get(key) == getattr(settings, key) for key in ("nz", "ngf"))
