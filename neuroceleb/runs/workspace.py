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

MAX_NAME_BYTES = 200  # a file system allows 255, and names get endings
NAMED = 8  # runs, in a message
_NAME = re.compile(r"\w[\w .+-]{0,79}")


def default_workspace() -> Path:
    """NEUROCELEB_WORKSPACE, else the repository or, if installed, the current folder."""
    named = os.environ.get("NEUROCELEB_WORKSPACE")
    if named:
        return Path(named)
    home = _home()
    return Path.cwd() if home is None else home


def shipped_workspace() -> "Workspace | None":
    """The repository, whose `checkpoints/` ship with the program; None where it is installed."""
    home = _home()
    return None if home is None else Workspace(home)


def _home() -> Path | None:
    home = Path(__file__).resolve().parents[2]
    is_installed = "site-packages" in home.parts or "dist-packages" in home.parts
    return None if is_installed else home


def is_name(name: str) -> bool:
    """Whether `name` is valid for a run or dataset."""
    is_short = len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES
    return is_short and _NAME.fullmatch(name) is not None and not name.endswith((".", " "))


def check_name(name: str) -> str:
    """Return `name` if it is valid for a run or dataset; raises UserError (for a path, too)."""
    if not is_name(name):
        raise UserError(
            "'{name}' is not a name: use letters, digits, spaces, '.', '_', '+' or '-', 80 at "
            "most (fewer in some scripts: 200 bytes), beginning with a letter or digit.",
            name=name[:80],
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
    def queue_folder(self) -> Path:
        """Entries of the queue, and the locks of the queue and the devices."""
        return self.checkpoints / ".queue"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def uploads(self) -> Path:
        """Photos that were sent and wait to be cropped (`data.faces.pending`)."""
        return self.root / ".cache" / "uploads"

    @property
    def received(self) -> Path:
        """Files that the app's visitors sent, before they are used, and results made for them."""
        return self.root / ".cache" / "gradio"

    def lock_file(self, name: str) -> Path:
        """A file in the queue folder, created if need be; raises UserError."""
        path = self.queue_folder / name
        try:
            self.queue_folder.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise files.not_written(path, error) from error
        return path

    def run(self, name: str) -> Run:
        """The run of that name, never a path; raises UserError naming the runs there are."""
        run = Run(self.checkpoints / check_name(name))
        if not run.exists():
            raise UserError(
                "There is no run '{name}': the runs here are {runs}.",
                name=name,
                runs=self._run_names(),
            )
        return run

    def runs(self) -> list[Run]:
        """Every run under `checkpoints/`, by name; without those of `unnamed`."""
        return [run for run in self._runs() if is_name(run.name)]

    def unnamed(self) -> list[str]:
        """A sentence for every run whose directory has a name that `check_name` refuses."""
        return [
            files.printable(run.path) + " has a name that no run can have: rename the folder."
            for run in self._runs()
            if not is_name(run.name)
        ]

    def _runs(self) -> list[Run]:
        try:
            found = [Run(path) for path in sorted(self.checkpoints.iterdir())]
        except OSError:
            return []
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

    def dataset_name(self, source: Path) -> str | None:
        """The name of the dataset that a path under `datasets/` belongs to; None for others.

        Of a part of a dataset it is a path from `datasets/` on, which `dataset.locate` finds.
        """
        for path, root in (
            (source.absolute(), self.datasets.absolute()),
            (files.absolute(source), files.absolute(self.datasets)),
        ):
            if path.is_relative_to(root) and path != root and ".." not in path.parts:
                parts = path.relative_to(root).parts
                return "/".join(parts[:1] if parts[1:] == ("faces",) else parts)
        return None

    def moved_dataset(self, text: str) -> str:
        """The DATASET of a run whose workspace was moved: its name, if it is here now."""
        folders = Path(text).parts
        if not Path(text).is_absolute() or Path(text).exists() or "datasets" not in folders:
            return text
        at = len(folders) - 1 - folders[::-1].index("datasets")
        name = "/".join(folders[at + 1 :]).removesuffix("/faces")
        return name if name and (self.datasets / name).exists() else text

    def _run_names(self) -> str:
        names = [run.name for run in self.runs()]
        rest = [f"{len(names) - NAMED:,} more"] if len(names) > NAMED else []
        return ", ".join([*names[:NAMED], *rest]) or "none yet"

    def runs_trained_on(self, dataset: Path) -> list[str]:
        """The names of the runs that were trained on a dataset folder or its `faces/`."""
        wanted = self.texts_of(dataset)
        found = []
        for run in self.runs():
            with suppress(UserError):
                if run.dataset_path() in wanted:
                    found.append(run.name)
        return found

    def texts_of(self, dataset: Path) -> set[str]:
        """How a run's config.json may name a dataset folder."""
        return {str(files.absolute(dataset)), str(files.absolute(dataset / "faces")), dataset.name}

    def find(self, model: str) -> Run | Path:
        """What MODEL on the command line means: a run (by name or directory), or a weights file.

        Raises UserError if it is none of these. For input from the network see `run`.
        """
        named = self.checkpoints / model
        if _NAME.fullmatch(model) and Run(named).exists():
            return Run(named)
        path = Path(model)
        with suppress(OSError, ValueError):  # too long for a file name, or with a null byte
            if path.is_dir():
                return Run(files.absolute(path))
            if path.is_file():
                return path
        raise UserError(
            "'{model}' is no run, run directory or file: the runs here are {runs}.",
            model=model[:200],
            runs=self._run_names(),
        )

    def find_run(self, model: str) -> Run:
        """As `find`, for what needs a run; raises UserError for a file, too."""
        found = self.find(model)
        if isinstance(found, Run) and found.exists():
            return Run(files.absolute(found.path))
        raise UserError(
            "'{model}' is not a run or run directory: the runs here are {runs}.",
            model=model[:200],
            runs=self._run_names(),
        )

    def weights(self, model: str, epoch: int | None = None) -> Path:
        """The generator weights that MODEL means (see `find`); raises UserError.

        `epoch` is one of a run's kept epochs, by default the last.
        """
        found = self.find(model)
        if isinstance(found, Run):
            return found.weights(epoch)
        if epoch is not None:
            raise UserError(
                "{model} is one file, so --epoch means nothing: leave it out.", model=model
            )
        return found


def create_run(workspace: Workspace, name: str, config: dict[str, Any]) -> Run:
    """Create a run directory with its config.json; raises UserError if the name is taken."""
    run = Run(workspace.checkpoints / check_name(name))
    try:
        run.path.mkdir(parents=True)
    except FileExistsError:
        if any(run.path.iterdir()):
            raise UserError(
                "There is already a run '{name}': use another name, or --resume to continue it.",
                name=name,
            ) from None
    except OSError as error:
        raise UserError(
            "{path} could not be made ({reason}): use another --workspace.",
            path=run.path,
            reason=error.strerror,
        ) from error
    files.write_json(run.path / "config.json", config)
    return run
