"""The Interpolate tab's routes: frames of an interpolation piece by piece, its faces, its video."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Response
from numpy.typing import NDArray

from neuroceleb import __version__, images, video
from neuroceleb.app import faces
from neuroceleb.app.background import Kind, Task, Tasks
from neuroceleb.app.generate_api import face_json
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.app.payloads import JsonBody
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import interpolation
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

COLUMNS = 16  # of a sprite
PIECE = 64  # frames of one answer, at most
MAX_FRAMES_PER_LEG = 240
SCALES = (1, 2, 4, 8)
MAX_SCALE = {".png": 1}  # a strip keeps the generator's own pixels
KIND = Kind(
    "video",
    max_pending=8,
    busy=Message("Too many videos are being made: try again in a minute."),
    abandoned_after_s=120.0,  # browsers slow down the timers of hidden pages to one a minute
    kept_s=900.0,
    max_kept=16,
)


@dataclass(frozen=True)
class Interpolation:
    """A path through key faces of one model; every value is checked."""

    model: str
    epoch: int
    weights: Path
    keys: list[dict[str, Any]]  # each {seed, truncation} or {z}
    z: NDArray[np.float32]  # (frames, nz)
    key_frames: list[int]
    loop: bool
    method: str
    easing: str

    @property
    def provenance(self) -> dict[str, Any]:
        """What its files carry: all that is needed to draw it again."""
        return {
            "model": self.model,
            "epoch": self.epoch,
            "keys": self.keys,
            "frames": len(self.z),
            "loop": self.loop,
            "method": self.method,
            "easing": self.easing,
            "version": __version__,
            "sha256": faces.weights_sha256(self.weights),
        }

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Pixels]:
        """The frames from `start` to before `stop`, each (64, 64, 3) uint8, as they are drawn."""
        for part in faces.load_model(self.weights).frames(self.z[start:stop]):
            yield from part

    def face(self, frame: int) -> faces.Face:
        """The face of one frame; that of a key frame has the key's seed."""
        seed, scale = None, 1.0
        if frame in self.key_frames:
            key = self.keys[self.key_frames.index(frame)]
            seed, scale = key.get("seed"), float(key.get("truncation", 1.0))
        return faces.Face(self.model, self.epoch, self.weights, self.z[frame], seed, scale)

    @property
    def name(self) -> str:
        """The name of its files, without suffix."""
        seeds = "-".join(str(key.get("seed", "z")) for key in self.keys[:4])
        return f"{self.model}_walk_{seeds}"


def read_interpolation(workspace: Workspace, values: dict[str, Any]) -> Interpolation:
    """The interpolation in a request body; raises UserError for any bad value."""
    run, epoch, weights = faces.read_model(workspace, values.get("model"), values.get("epoch"))
    given = values.get("keys")
    loop = values.get("loop", False)
    method, easing = values.get("method", "slerp"), values.get("easing", "linear")
    if not isinstance(given, list) or not isinstance(loop, bool):
        raise UserError("The key faces are missing: choose two to twelve.")
    if not isinstance(method, str) or not isinstance(easing, str):
        raise UserError("The interpolation method is missing: choose one of the list.")
    per_leg = read_whole(
        values.get("frames", 60), Message("The number of frames a leg"), 1, MAX_FRAMES_PER_LEG
    )
    count = interpolation.frame_count(len(given), per_leg, loop=loop)
    key_frames = interpolation.key_frames(len(given), count, loop=loop)
    nz = faces.load_model(weights).nz
    keys = np.stack([faces.read_z(key, nz) for key in given])
    z = interpolation.interpolate(keys, count, loop=loop, method=method, easing=easing)
    plain = [_plain(key) for key in given]
    return Interpolation(run.name, epoch, weights, plain, z, key_frames, loop, method, easing)


def _plain(key: dict[str, Any]) -> dict[str, Any]:
    """A checked key without anything else that was sent with it."""
    if "z" in key:
        return {"z": key["z"]}
    seed = read_whole(key["seed"], Message("The seed"))
    return {"seed": seed, "truncation": faces.read_truncation(key.get("truncation", 1.0))}


def submit_video(tasks: Tasks, path: Interpolation, values: dict[str, Any]) -> Task:
    """Queue the video or strip of an interpolation. `values`: suffix, scale, fps.

    Raises UserError.
    """
    suffix = values.get("suffix")
    if suffix not in video.SUFFIXES:
        raise UserError(
            "Videos end in {suffixes}: choose one of those.", suffixes=", ".join(video.SUFFIXES)
        )
    scale = read_whole(values.get("scale", 1), Message("The scale"))
    if scale not in SCALES:
        raise UserError(
            "A video is enlarged {scales} times, not {scale}.",
            scales=", ".join(map(str, SCALES)),
            scale=scale,
        )
    scale = min(scale, MAX_SCALE.get(suffix, scale))
    fps = read_number(values.get("fps", 30), Message("The number of frames a second"))
    side = IMAGE_SIZE * scale
    video.check(suffix, len(path.z), fps, (side, side))

    def work(task: Task) -> dict[str, Any]:
        video.write(
            task.file,
            path.frames(),
            len(path.z),
            fps=fps,
            scale=scale,
            provenance=path.provenance,
            progress=task.report_frames,
        )
        return {"frames": len(path.z)}

    return tasks.submit(KIND, work, f"{path.name}{suffix}")


def add_routes(app: FastAPI, workspace: Workspace, tasks: Tasks) -> None:
    """`walk` for a sprite of frames, `walk/face` for one frame's face, `walk/video` for a task."""

    @app.post("/walk")
    def frames(body: JsonBody) -> Response:
        path = read_interpolation(workspace, body)
        start = _read_frame(path, body.get("start", 0))
        sprite = images.sprite(np.stack(list(path.frames(start, start + PIECE))), COLUMNS)
        headers = {
            "Walk-Frames": str(len(path.z)),
            "Walk-Keys": ",".join(map(str, path.key_frames)),
        }
        return Response(sprite, headers=headers, media_type="image/webp")

    @app.post("/walk/face")
    def face(body: JsonBody) -> dict[str, Any]:
        path = read_interpolation(workspace, body)
        shown = path.face(_read_frame(path, body.get("frame")))
        return face_json(shown, faces.draw_faces([shown])[0])

    @app.post("/walk/video")
    def start(body: JsonBody) -> dict[str, str]:
        return {"task": submit_video(tasks, read_interpolation(workspace, body), body).key}


def _read_frame(path: Interpolation, value: Any) -> int:
    return read_whole(value, Message("The frame"), 0, len(path.z) - 1)
