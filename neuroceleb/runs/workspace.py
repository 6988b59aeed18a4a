"""The workspace: the folder that holds `checkpoints/` (runs) and `datasets/`."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run

_NAME = re.compile(r"\w[\w .+-]{0,79}")


def default_workspace() -> Path:
    """NEUROCELEB_WORKSPACE; or the folder that holds `neuroceleb/`; installed, the current one."""
    named = os.environ.get("NEUROCELEB_WORKSPACE")
    if named:
        return Path(named)
    home = Path(__file__).resolve().parents[2]
    installed = "site-packages" in home.parts or "dist-packages" in home.parts
    return Path.cwd() if installed else home


def check_name(name: str) -> str:
    """The name of a run or dataset, if it is one; raises UserError for anything like a path."""
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        raise UserError(
            f"'{name[:80]}' is not a name: use letters, digits, spaces, '.', '_', '+' or '-', "
            "80 at most, beginning with a letter or digit."
        )
    return name


@dataclass(frozen=True)
class Workspace:
    """The folder that holds `checkpoints/` (runs) and `datasets/`."""

    root: Path

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    def run(self, name: str) -> Run:
        """The run of that name; raises UserError where there is none, naming those there are."""
        run = Run(self.checkpoints / check_name(name))
        if not run.exists():
            there = ", ".join(other.name for other in self.runs()[:8]) or "none yet"
            raise UserError(f"There is no run '{name}': the runs here are {there}.")
        return run

    def runs(self) -> list[Run]:
        """Every run under `checkpoints/`, by name."""
        if not self.checkpoints.is_dir():
            return []
        found = (Run(path) for path in sorted(self.checkpoints.iterdir()))
        return [run for run in found if not run.name.startswith(".") and run.exists()]

    def dataset_names(self) -> list[str]:
        """The names of the datasets under `datasets/`: folders and zips, in order."""
        try:
            found = sorted(self.datasets.iterdir())
        except OSError:
            return []
        return [
            path.name
            for path in found
            if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() == ".zip")
        ]

    def runs_trained_on(self, dataset: Path) -> list[str]:
        """The names of the runs that were trained with a dataset folder or its `faces/`."""
        wanted = {str(dataset.resolve()), str((dataset / "faces").resolve()), dataset.name}
        found = []
        for run in self.runs():
            with suppress(UserError):
                described = run.config().get("dataset")
                path = described.get("path") if isinstance(described, dict) else None
                if path in wanted:
                    found.append(run.name)
        return found

    def weights(self, model: str, epoch: int | None = None) -> Path:
        """The generator file that MODEL means: a run's name, a run directory, or a file.

        `epoch` picks one of a run's kept epochs, by default the last. Raises UserError.
        """
        if _NAME.fullmatch(model) and Run(self.checkpoints / model).exists():
            return Run(self.checkpoints / model).weights(epoch)
        path = Path(model)
        if path.is_dir():
            return Run(path).weights(epoch)
        if path.is_file():
            if epoch is not None:
                raise UserError(f"{model} is one file, so --epoch means nothing: leave it out.")
            return path
        there = ", ".join(run.name for run in self.runs()[:8]) or "none yet"
        raise UserError(
            f"'{model[:200]}' is no run, run directory or file: the runs here are {there}."
        )


def create_run(workspace: Workspace, name: str, config: dict[str, Any]) -> Run:
    """Make the run directory with its whole configuration in it; raises UserError if it exists."""
    run = Run(workspace.checkpoints / check_name(name))
    try:
        run.path.mkdir(parents=True)
    except FileExistsError:
        if any(run.path.iterdir()):
            raise UserError(
                f"There is already a run '{name}': use another name, or --resume to go on with it."
            ) from None
    except OSError as error:
        raise UserError(
            f"{run.path} could not be made ({error.strerror}): use another --workspace."
        ) from error
    files.write_json(run.path / "config.json", config)
    return run
