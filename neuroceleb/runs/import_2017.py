"""Importing a folder of the original script of 2017 as a run directory.

The script wrote `fake_samples_epoch_000.png` …, `real_samples.png`, a pickle of its losses and
scores, `result_dict.p`, and the state dicts `netG.pth` and `netD.pth`.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from neuroceleb import files, images, limited
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import history_2017, plain_pickle
from neuroceleb.runs.history_2017 import Row
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import Settings

HISTORY = "result_dict.p"
MAX_HISTORY_BYTES = 64 * 2**20
HISTORY_MEMORY_BYTES = 600 * 2**20  # that reading it may take
MAX_SHEETS = 20_000
MAX_SIDE_PX = 4_096

Progress = Callable[[int, int], None]  # sheets copied, sheets in all

_SHEET = re.compile(r"fake_samples_epoch_(\d{1,6})\.png")
_WEIGHTS = re.compile(r"netG(?:_epoch_(\d{1,6}))?\.pth")
_PNG = b"\x89PNG\r\n\x1a\n"


def import_folder(
    folder: Path, workspace: Workspace, name: str, progress: Progress | None = None
) -> Run:
    """Create the run `name` from a folder that the original script wrote; whole or not at all.

    Raises UserError if it is no such folder, if one of its files is damaged or contains code, or
    if the name is taken.
    """
    run = Run(workspace.checkpoints / check_name(name))
    if run.path.exists():
        raise UserError("There is already a run '{name}': use another name.", name=name)
    sheets = _sheets(folder)
    rows = _history(folder, len(sheets))
    try:
        workspace.checkpoints.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=workspace.checkpoints) as place:
            made = Run(Path(place) / "run")
            made.path.mkdir()
            _copy_sheets(sheets, made, progress)
            epochs = max([*sheets, *(row["epoch"] for row in rows)], default=-1) + 1
            settings = _convert_weights(folder, made, name, max(epochs, 1))
            epochs = max(epochs, max(made.kept(), default=-1) + 1)
            _write_records(made, folder, settings, rows, epochs)
            if run.path.exists():
                raise UserError("There is already a run '{name}': use another name.", name=name)
            shutil.move(made.path, run.path)
    except OSError as error:
        raise files.not_written(run.path, error) from error
    return run


def _sheets(folder: Path) -> dict[int, Path]:
    """The sheets by epoch; raises UserError if the script did not write this folder."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(
            "{folder} cannot be read ({reason}): name a folder.",
            folder=folder,
            reason=error.strerror,
        ) from error
    found = {int(match[1]): folder / match[0] for match in map(_SHEET.fullmatch, names) if match}
    if not found and not any(map(_WEIGHTS.fullmatch, names)) and HISTORY not in names:
        raise UserError(
            "{folder} holds no fake_samples_epoch_000.png, {history} or netG.pth: name the "
            "folder that the original script wrote into.",
            folder=folder,
            history=HISTORY,
        )
    if len(found) > MAX_SHEETS:
        raise UserError(
            "{folder} has over {most:,} sheets: take some out.", folder=folder, most=MAX_SHEETS
        )
    return dict(sorted(found.items()))


def _copy_sheets(sheets: dict[int, Path], run: Run, progress: Progress | None) -> None:
    for done, (epoch, path) in enumerate(sheets.items(), start=1):
        _copy_image(path, run.sheet_file(epoch))
        if progress is not None:
            progress(done, len(sheets))
    for path in list(sheets.values())[:1]:
        real = path.with_name("real_samples.png")
        if real.is_file():
            _copy_image(real, run.real_sheet_file())


def _copy_image(source: Path, target: Path) -> None:
    """Copy the file if it is a PNG, else write its pixels as one."""
    pixels = images.load(source)
    if max(pixels.shape[:2]) > MAX_SIDE_PX:
        raise UserError(
            "{source} has sides of over {max_px:,} pixels: it is no sheet.",
            source=source,
            max_px=MAX_SIDE_PX,
        )
    data = files.read_bytes(source, images.MAX_FILE_BYTES)
    target.write_bytes(data if data.startswith(_PNG) else images.encode(pixels))


def _convert_weights(folder: Path, run: Run, name: str, epochs: int) -> Settings:
    """Write the state dicts as safetensors; returns the settings that their shapes imply."""
    from neuroceleb.model import checkpoint

    settings = Settings.checked(recipe="classic", epochs=epochs)
    for path in sorted(folder.glob("netG*.pth")):
        match = _WEIGHTS.fullmatch(path.name)
        if match is None:
            continue
        network, _ = checkpoint.load_generator(path)
        epoch = epochs - 1 if match[1] is None else int(match[1])
        widths = {"nz": network.nz, "ngf": network.main[12].in_channels}
        settings = Settings.checked(recipe="classic", epochs=max(epochs, epoch + 1), **widths)
        config = {"run": name, "epoch": epoch, "settings": settings.to_json()}
        checkpoint.save_weights(run.weights_file(epoch), network, config)
    if (folder / "netD.pth").is_file():
        critic = checkpoint.load_discriminator(folder / "netD.pth")
        config = {"run": name, "epoch": epochs - 1, "settings": settings.to_json()}
        checkpoint.save_weights(run.discriminator_file, critic, config)
    return settings


def _write_records(
    run: Run, folder: Path, settings: Settings, rows: list[Row], epochs: int
) -> None:
    for row in rows:
        run.append_stats(row)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    config = {
        "recipe": "classic",
        "settings": settings.to_json(),
        "dataset": {},
        "imported": {"folder": files.absolute(folder).name},  # its noise and data are unknown
        "created": now,
    }
    files.write_json(run.path / "config.json", config)
    message = Message(
        "Imported from a folder of the original script, {folder}.",
        folder=files.absolute(folder).name,
    )
    run.write_status(
        {
            "state": "finished",
            "epoch": epochs,
            "epochs": epochs,
            **message.as_fields("message"),
        }
    )


def _history(folder: Path, sheets: int) -> list[Row]:
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        if path.stat().st_size > MAX_HISTORY_BYTES:
            raise UserError(
                "{path} is over {max_mb} MB: it is no history.",
                path=path,
                max_mb=MAX_HISTORY_BYTES // 2**20,
            )
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): fix its permissions.",
            path=path,
            reason=error.strerror,
        ) from error
    try:
        rows: list[Row] = limited.call(
            f"{__name__}:read_history", [os.fspath(path), str(sheets)], HISTORY_MEMORY_BYTES
        )
    except limited.LimitExceededError as error:
        raise _refused(path, str(error)) from error
    return rows


def read_history(source: str, sheets: str) -> list[Row]:
    """The rows of a history; raises UserError. Called in a child process (see `limited`)."""
    path = Path(source)
    try:
        data = files.read_bytes(path, MAX_HISTORY_BYTES)
        return history_2017.stats_rows(plain_pickle.loads(data), int(sheets))
    except (OSError, ValueError) as error:
        raise _refused(path, str(error)) from error


def _refused(path: Path, reason: str) -> UserError:
    return UserError(
        "{path} was refused ({reason}): take it out of the folder to import the rest.",
        path=path,
        reason=reason,
    )
