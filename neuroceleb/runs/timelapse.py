"""A timelapse of a run: a video of its sample sheets, or of one face of them, epoch by epoch.

Below the sheet stand the epoch and the curves of losses and scores (`timelapse_footer`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroceleb import __version__, images, video
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.runs.charts import Stats
from neuroceleb.runs.run import Run
from neuroceleb.runs.timelapse_footer import Footer, has_values
from neuroceleb.settings import IMAGE_SIZE
from neuroceleb.spacing import evenly_spaced

PADDING_PX = 2  # around every face of a sheet
FPS = 8.0
LAST_FRAME_S = 1.0
MAX_EPOCHS = 3_000  # frames; of longer runs every nth epoch is shown
MAX_SCALE = 16
SHEET_SCALE = {".mp4": 2, ".gif": 1, ".webp": 1}  # H.264 halves the resolution of colour
FACE_SCALE = 8


@dataclass(frozen=True)
class Plan:
    """The validated content of a timelapse."""

    run: str
    sheets: tuple[tuple[int, Path], ...]  # (epoch, file) of every epoch shown
    stats: Stats
    face: int | None
    scale: int
    fps: float
    has_curves: bool

    @property
    def count(self) -> int:
        """Frames in all; the last epoch is repeated for LAST_FRAME_S."""
        return len(self.sheets) + round(self.fps * LAST_FRAME_S)

    @property
    def provenance(self) -> dict[str, Any]:
        """The provenance in the file's metadata."""
        first, last = self.sheets[0][0], self.sheets[-1][0]
        origin = {"run": self.run, "epochs": [first, last], "version": __version__}
        return origin if self.face is None else origin | {"face": self.face}


def plan(
    run: Run,
    suffix: str,
    *,
    face: int | None = None,
    fps: float = FPS,
    scale: int | None = None,
    curves: bool = True,
) -> Plan:
    """Plan the timelapse of a run as a file with this suffix, of all faces or of one (from 0).

    `fps` is in epochs per second, `scale` a whole factor. Raises UserError if an argument is out
    of bounds, or if the run has no sheets or no such face.
    """
    if suffix not in video.ANIMATED_SUFFIXES:
        raise UserError(
            "'{suffix}' is no video format: use one of {suffixes}.",
            suffix=suffix,
            suffixes=", ".join(video.ANIMATED_SUFFIXES),
        )
    sheets = tuple(evenly_spaced(list(run.sheets().items()), MAX_EPOCHS))
    if not sheets:
        raise UserError(
            "The run '{name}' has no sample sheets yet: train it for an epoch.", name=run.name
        )
    if not 1 <= fps <= video.MAX_FPS[suffix]:  # also refuses NaN
        most = video.MAX_FPS[suffix]
        raise UserError(
            "{fps:g} epochs a second cannot be shown: use 1 to {most:g}.", fps=fps, most=most
        )
    if face is not None:
        cut(images.load(sheets[-1][1]), face)
    usual = SHEET_SCALE[suffix] if face is None else FACE_SCALE
    size = usual if scale is None else scale
    if not 1 <= size <= MAX_SCALE:
        raise UserError(
            "A scale of {size} is out of bounds: use 1 to {most}.", size=size, most=MAX_SCALE
        )
    stats = run.stats()
    has_curves = curves and has_values(stats)
    return Plan(run.name, sheets, stats, face, size, float(fps), has_curves)


def cut(sheet: Pixels, face: int) -> Pixels:
    """One face of a sheet, counted from 0 row by row: (H, W, 3) -> (64, 64, 3) uint8.

    Raises UserError if the sheet has no such face.
    """
    step = IMAGE_SIZE + PADDING_PX
    rows, columns = (max(0, (side - PADDING_PX) // step) for side in sheet.shape[:2])
    if not 0 <= face < rows * columns:
        raise UserError(
            "There is no face {face} on the sheets: they have faces 0 to {last}.",
            face=face,
            last=rows * columns - 1,
        )
    top, left = (part * step + PADDING_PX for part in divmod(face, columns))
    return sheet[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]


def write(plan: Plan, path: Path, progress: video.Progress | None = None) -> None:
    """Write the video, whole or not at all; raises UserError."""
    video.write(
        path, frames(plan), plan.count, fps=plan.fps, provenance=plan.provenance, progress=progress
    )


def frames(plan: Plan) -> Iterator[Pixels]:
    """Every frame, (H, W, 3) uint8 of one size: the sheet, and the footer below it."""
    footer: Footer | None = None
    frame = np.empty((0, 0, 3), np.uint8)
    for epoch, path in plan.sheets:
        sheet = images.load(path)
        picture = sheet if plan.face is None else cut(sheet, plan.face)
        picture = video.enlarge(picture, plan.scale)
        if footer is None:
            shape = picture.shape
            footer = Footer(plan.run, plan.stats, picture.shape[1], plan.has_curves)
        if picture.shape != shape:
            raise UserError(
                "{path} has another size than the sheets before it: take it out of the run.",
                path=path,
            )
        frame = np.vstack([picture, footer.at(epoch)])
        yield frame
    for _ in range(plan.count - len(plan.sheets)):
        yield frame
