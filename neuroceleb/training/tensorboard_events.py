"""A run's figures and sheets as TensorBoard event files, in `tensorboard/` of its directory."""

import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from neuroceleb import images
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs.figures import finite
from neuroceleb.runs.run import Run

FOLDER = "tensorboard"


def check_installed() -> None:
    """Raise UserError where the package tensorboard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "The package tensorboard is missing: run 'pip install tensorboard', or leave out "
            "--tensorboard."
        )


def write(run: Run, row: Mapping[str, Any], sheet: Pixels) -> None:
    """Append an epoch's figures, a row of stats.jsonl, and its sheet, (H, W, 3) uint8.

    Each has the epoch as its step. Every call writes a file of its own, complete when it returns:
    TensorBoard reads them as one, and a killed training leaves no half of one. An epoch that is
    repeated after a resume replaces the one before it and all later ones.

    The sheet is stored as JPEG, quality 90: TensorBoard computes checksums in Python, so that the
    time of a call grows with its bytes, and PNG has more than four times as many.
    """
    from torch.utils.tensorboard import SummaryWriter

    epoch = int(row["epoch"])
    suffix = f".epoch_{epoch:03d}"
    with SummaryWriter(str(run.path / FOLDER), purge_step=epoch, filename_suffix=suffix) as events:
        for tag, value in scalars(row):
            events.add_scalar(tag, value, epoch)
        assert events.file_writer is not None
        events.file_writer.add_summary(_image_summary("samples", sheet), epoch)


def _image_summary(tag: str, image: Pixels) -> Any:
    """PyTorch's summary of an image, which is always PNG, with the image as JPEG in its place."""
    from torch.utils.tensorboard import summary

    found: Any = summary.image(tag, image[:1, :1], dataformats="HWC")
    stored = found.value[0].image
    stored.height, stored.width = image.shape[:2]
    stored.encoded_image_string = images.encode(image, ".jpg")
    return found


def scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The figures of a row by tag: `train/loss_d`, `quality/swd`; those that are finite numbers."""
    for group, values in (("train", row), ("quality", row.get("quality"))):
        for name, value in values.items() if isinstance(values, Mapping) else ():
            number = finite(value)
            if number is not None and name != "epoch":
                yield f"{group}/{name}", number
