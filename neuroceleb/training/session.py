"""Preparing a training: a new run, or an existing one to be resumed. Writes nothing."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch

from neuroceleb import __version__, files
from neuroceleb.data import dataset, zip_names
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import AUTO, NONE, Settings
from neuroceleb.training import device as devices
from neuroceleb.training import precision, start_model, tensorboard_events, torchrun
from neuroceleb.training.gan import check_initial_weights

MAY_CHANGE_ON_RESUME = frozenset({"epochs", "device", "ngpu"})
ADJUSTABLE = ("batch_size", "lr", "lr_d")  # by `recovery`


@dataclass(frozen=True)
class Session:
    """A run, new or to be resumed, with its settings, its config.json and its dataset's path.

    `initial_weights` is a generator file to start from. `weights_epoch` is set where the run has no
    state and these are its own kept weights, of this epoch.
    """

    workspace: Workspace
    run: Run
    settings: Settings
    config: dict[str, Any]
    source: Path
    resume: bool
    initial_weights: Path | None = None
    weights_epoch: int | None = None

    @property
    def names_encoding(self) -> str:
        """The encoding of the names in a zip, as given with `--zip-names`."""
        found = self.config["dataset"].get("zip_names", zip_names.AUTO)
        return found if isinstance(found, str) else zip_names.AUTO


def prepare(
    workspace: Workspace,
    name: str,
    text: str,
    given: dict[str, Any],
    names_encoding: str = zip_names.AUTO,
) -> Session:
    """A new run on the DATASET `text` with the given settings.

    `names_encoding` is that of names in a zip that are not marked as UTF-8. Raises UserError for a
    name in use, a bad setting, an unknown encoding or a missing dataset.
    """
    run = Run(workspace.checkpoints / check_name(name))
    if run.exists():
        raise UserError(
            "There is already a run '{name}': use another name, or --resume.", name=name
        )
    settings = Settings.checked(**given)
    _check_machine(settings)
    source = dataset.locate(text, workspace.datasets)
    config = jobs.new_config(workspace, source, settings) | {"versions": versions()}
    if zip_names.check_encoding(names_encoding) != zip_names.AUTO:
        config["dataset"]["zip_names"] = names_encoding
    _check_start(workspace, settings)
    return Session(workspace, run, settings, config, source, False)


def reopen(workspace: Workspace, name: str, text: str | None, given: dict[str, Any]) -> Session:
    """An existing run to be resumed, on the DATASET `text` if it has been moved.

    Raises UserError where a setting other than epochs, device and ngpu differs from the run's.
    """
    run = workspace.run(name)
    config = run.config()
    run.readable_status()  # raises if it is damaged
    if not isinstance(config.get("settings"), dict) or not isinstance(config.get("dataset"), dict):
        raise UserError(
            "{path} is damaged: the run cannot be resumed.", path=run.path / "config.json"
        )
    before = Settings.from_json(config["settings"])
    _refuse_other_changes(before, given)
    settings = _resumed_settings(before, run.status(), given)
    jobs.check_epochs(name, settings.epochs, run.status())
    _check_machine(settings)
    recorded = workspace.moved_dataset(str(run.dataset_path()))
    source = dataset.locate(text or recorded, workspace.datasets)
    if text:  # remembered, where the images are the same
        path = workspace.dataset_name(source) or str(files.absolute(source))
        config = {**config, "dataset": {**config["dataset"], "path": path}}
    weights_epoch = run.left_off_at()
    weights = None if weights_epoch is None else run.weights(weights_epoch)
    if weights is not None:
        check_initial_weights(weights, settings)
    elif not run.has_state():
        _check_start(workspace, settings)
    return Session(workspace, run, settings, config, source, True, weights, weights_epoch)


def _resumed_settings(before: Settings, status: dict[str, Any], given: dict[str, Any]) -> Settings:
    """The run's settings with its adjustments and what may change on resume."""
    epochs = status.get("epochs") or before.epochs
    changed = {key: value for key, value in given.items() if key in MAY_CHANGE_ON_RESUME}
    has_epochs = status.get("epochs") or "epochs" in changed
    until = {"epochs": epochs, "images": 0} if has_epochs else {}
    return Settings.from_json(before.to_json() | until | adjusted_settings(status) | changed)


def _check_start(workspace: Workspace, settings: Settings) -> None:
    """Raise UserError where the model of `--start-from` is missing or does not fit."""
    if settings.start_from not in ("", AUTO, NONE):
        start_model.named(workspace, settings)


def adjusted_settings(status: dict[str, Any]) -> dict[str, Any]:
    """The settings that `recovery` has changed in a run, from its status."""
    adjusted = status.get("adjusted")
    values = adjusted if isinstance(adjusted, dict) else {}
    return {key: values[key] for key in ADJUSTABLE if key in values}


def _refuse_other_changes(before: Settings, given: dict[str, Any]) -> None:
    for key, value in given.items():
        if key not in MAY_CHANGE_ON_RESUME and value != getattr(before, key):
            flag = "--" + key.replace("_", "-")
            raise UserError(
                "{flag} {value} cannot be changed on --resume (the run has {before}): leave it "
                "out, or start a new run.",
                flag=flag,
                value=value,
                before=getattr(before, key),
            )


def _check_machine(settings: Settings) -> None:
    """Raise UserError where this machine cannot train with these settings."""
    device = devices.pick(settings.device)
    is_launched = torchrun.is_started_by_torchrun()
    wanted = torchrun.local_world_size() if is_launched else settings.ngpu
    available = torch.cuda.device_count()
    if device.type == "cuda" and wanted > available:
        raise UserError(
            "--ngpu {ngpu}: this machine has {available} for PyTorch; use at most so many, or "
            "start torchrun on several machines (docs/scaling.md).",
            ngpu=wanted,
            available=available,
        )
    if settings.tensorboard == "yes":
        tensorboard_events.check_installed()
    if settings.precision != "auto":
        precision.resolve(settings.precision, device)
    if device.type == "cpu" and settings.batchnorm == "synced" and settings.ngpu > 1:
        raise UserError("--batchnorm synced: PyTorch has that for GPUs only, use device.")
    if settings.batch_size < settings.ngpu:
        raise UserError(
            "--batch-size {batch_size} leaves some of {ngpu} GPUs without an image: use a "
            "larger one, or a smaller --ngpu.",
            batch_size=settings.batch_size,
            ngpu=settings.ngpu,
        )


def versions() -> dict[str, str]:
    """Versions of this program and its libraries, for config.json."""
    return {
        "neuroceleb": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }
