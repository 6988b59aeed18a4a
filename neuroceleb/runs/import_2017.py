"""Runs written by the original script: a folder of its files -> a run directory of ours.

It wrote `fake_samples_epoch_000.png` …, `real_samples.png`, the history of its figures as a pickle,
`result_dict.p`, and state dicts, `netG.pth` and `netD.pth`. A pickle may carry code: this one is
read by an unpickler that knows plain values only, and refuses the rest without running it.
"""

import codecs
import io
import math
import pickle
import re
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from neuroceleb import files, images
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import Settings

HISTORY = "result_dict.p"
MAX_HISTORY_BYTES = 64 * 2**20
MAX_VALUES = 5_000_000  # in a history, however often it names the same one
MAX_DEPTH = 16
MAX_SHEETS = 20_000
MAX_SIDE_PX = 4_096

Progress = Callable[[int, int], None]  # sheets done, sheets there are
Row = dict[str, Any]

_SHEET = re.compile(r"fake_samples_epoch_(\d{1,6})\.png")
_WEIGHTS = re.compile(r"netG(?:_epoch_(\d{1,6}))?\.pth")
_PNG = b"\x89PNG\r\n\x1a\n"

# How the script and its many copies call a figure, letters and digits only.
NAMES: dict[str, tuple[str, ...]] = {
    "loss_d": ("lossd", "dloss", "errd", "lossesd", "dlosses"),
    "loss_g": ("lossg", "gloss", "errg", "lossesg", "glosses"),
    "d_x": ("dx", "dxs"),
    "d_g_z1": ("dgz1", "dgz1s", "dgzbefore", "dgz"),
    "d_g_z2": ("dgz2", "dgz2s", "dgzafter"),
}


def import_folder(
    folder: Path, workspace: Workspace, name: str, progress: Progress | None = None
) -> Run:
    """Make the run `name` of a folder that the original script wrote; whole or not at all.

    Raises UserError where it is no such folder, a file of it is damaged or carries code, or there
    is a run of that name.
    """
    run = Run(workspace.checkpoints / check_name(name))
    if run.path.exists():
        raise UserError(f"There is already a run '{name}': use another name.")
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
            _describe(made, folder, settings, rows, epochs)
            if run.path.exists():
                raise UserError(f"There is already a run '{name}': use another name.")
            shutil.move(made.path, run.path)
    except OSError as error:
        raise files.not_written(run.path, error) from error
    return run


def _sheets(folder: Path) -> dict[int, Path]:
    """Epoch -> sheet; raises UserError where the folder is none that the script wrote."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): name a folder.") from error
    found = {int(match[1]): folder / match[0] for match in map(_SHEET.fullmatch, names) if match}
    if not found and not any(map(_WEIGHTS.fullmatch, names)) and HISTORY not in names:
        raise UserError(
            f"{folder} holds no fake_samples_epoch_000.png, {HISTORY} or netG.pth: name the folder "
            "that the original script wrote into."
        )
    if len(found) > MAX_SHEETS:
        raise UserError(f"{folder} has over {MAX_SHEETS:,} sheets: take some out.")
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
    """The file itself where it is a whole PNG, else its pixels as one."""
    pixels = images.load(source)
    if max(pixels.shape[:2]) > MAX_SIDE_PX:
        raise UserError(f"{source} has sides of over {MAX_SIDE_PX:,} pixels: it is no sheet.")
    data = source.read_bytes()
    target.write_bytes(data if data.startswith(_PNG) else images.encode(pixels))


def _convert_weights(folder: Path, run: Run, name: str, epochs: int) -> Settings:
    """State dicts -> our safe files; the settings that they tell of."""
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


def _describe(run: Run, folder: Path, settings: Settings, rows: list[Row], epochs: int) -> None:
    for row in rows:
        run.append_stats(row)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
    config = {
        "recipe": "classic",
        "settings": settings.to_json(),
        "dataset": {},
        "imported": {"folder": folder.resolve().name},  # its noise and data are not known
        "created": now,
    }
    files.write_json(run.path / "config.json", config)
    run.write_status(
        {
            "state": "finished",
            "epoch": epochs,
            "epochs": epochs,
            "message": f"Imported from a folder of the original script, {folder.resolve().name}.",
        }
    )


# The history -------------------------------------------------------------------------------


def _history(folder: Path, sheets: int) -> list[Row]:
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        if path.stat().st_size > MAX_HISTORY_BYTES:
            raise UserError(f"{path} is over {MAX_HISTORY_BYTES // 2**20} MB: it is no history.")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): mend it.") from error
    try:
        return rows_of(read_plain(data), sheets)
    except ValueError as error:
        raise UserError(
            f"{path} was refused ({error}): take it out of the folder to import the rest."
        ) from error


def rows_of(history: Any, epochs: int = 0) -> list[Row]:
    """The rows of `stats.jsonl` that a history tells: one an epoch.

    A history is a dictionary of lists, a figure each, or a list (or dictionary) of dictionaries, an
    epoch each. Where it has more values than there were `epochs`, they are the steps': their mean,
    and the last. Raises ValueError where it is none of these.
    """
    columns = _columns(history)
    known = {key: column for key, column in columns.items() if column}
    if not known:
        raise ValueError("it names no losses or scores")
    longest = max(map(len, known.values()))
    count = min(epochs, longest) if epochs else longest
    edges = [place * longest // count for place in range(count + 1)]
    rows = []
    for epoch, (start, end) in enumerate(pairwise(edges)):
        row: Row = {"epoch": epoch}
        for key, column in known.items():
            part = column[start:end]
            if part:
                row[key] = _finite(sum(part) / len(part))
                if end - start > 1:
                    row[f"last_{key}"] = _finite(part[-1])
        rows.append(row)
    return rows


def _columns(history: Any) -> dict[str, list[float]]:
    """Our name of every figure in a history -> its values in order."""
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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# The pickle --------------------------------------------------------------------------------


def read_plain(data: bytes) -> Any:
    """The plain value in a pickle: dict, list, str, int, float, and NumPy's scalars as numbers.

    Nothing in the pickle is ever called but the readers of this module. Raises ValueError, with
    the reason, for any other content, and for a damaged or outsized one.
    """
    try:
        value = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        for _ in _counted(_leaves(value)):
            pass
    except ValueError:
        raise
    except Exception as error:  # a pickle meets its reader with every kind of exception
        raise ValueError("it is damaged, or holds more than plain values") from error
    return value


class _Unpickler(pickle.Unpickler):
    """Finds four names, and gives for each an object of ours that keeps nothing between pickles."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {
            ("numpy.core.multiarray", "scalar"),
            ("numpy._core.multiarray", "scalar"),
        }:
            return _ScalarReader()
        if (module, name) == ("numpy", "dtype"):
            return _KindReader()
        if (module, name) == ("_codecs", "encode"):  # how old protocols write bytes
            return _BytesReader()
        raise ValueError(f"it asks for {module[:40]}.{name[:40]}, which is no plain value")


_FORMATS = {  # of struct, by NumPy's letter and size
    **{"f2": "e", "f4": "f", "f8": "d"},
    **{"i1": "b", "i2": "h", "i4": "i", "i8": "q"},
    **{"u1": "B", "u2": "H", "u4": "I", "u8": "Q"},
}


class _Kind:
    """What NumPy's dtype says of a scalar: its letter, size and byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "="):
            raise ValueError("a number in it has no byte order")
        self.order = ">" if order == ">" else "<"


class _KindReader:
    __slots__ = ()

    def __call__(self, code: Any, *_: Any) -> _Kind:
        if not isinstance(code, str) or code not in _FORMATS:
            raise ValueError(f"it holds an array of {str(code)[:20]!r}, not a number")
        return _Kind(code)


class _ScalarReader:
    __slots__ = ()

    def __call__(self, kind: Any, data: Any = b"") -> float | int:
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(kind, _Kind) or not isinstance(raw, bytes):
            raise ValueError("it holds something that is no number")
        try:
            (number,) = struct.unpack(kind.order + _FORMATS[kind.code], raw)
        except struct.error as error:
            raise ValueError("a number in it has not its length") from error
        return number if isinstance(number, int) else float(number)


class _BytesReader:
    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise ValueError("it holds something that is no number")
        return codecs.encode(text, "latin1")


def _leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    """Every value within, containers too; raises ValueError at the first that is not plain."""
    if type(value) not in (dict, list, str, int, float):
        raise ValueError(f"it holds a {type(value).__name__.strip('_')}, which is no plain value")
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(key, depth + 1)
            yield from _leaves(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, depth + 1)


def _counted(values: Iterator[Any]) -> Iterator[Any]:
    for count, value in enumerate(values):
        if count >= MAX_VALUES:
            raise ValueError(f"it holds over {MAX_VALUES:,} values")
        yield value
