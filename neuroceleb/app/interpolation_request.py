"""A requested interpolation: key faces, frames, method; checked, drawn, written as a film."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import __version__, video
from neuroceleb.app import faces
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.errors import Message, UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import interpolation
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

MAX_FRAMES_PER_LEG = 240
MAX_KEYS_CHARS = 400
SCALES = (1, 2, 4, 8)
MAX_SCALE = {".png": 1}  # a strip keeps the generator's own pixels

Key = dict[str, Any]  # {"seed": 12}, or {"z": […]}
Vectors = dict[
    str, list[float]
]  # latent vectors that have no seed, by their name in a list of keys


@dataclass(frozen=True)
class Interpolation:
    """A path through key faces of one model; every value is checked."""

    model: str
    epoch: int
    weights: Path
    keys: list[Key]
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

    def face(self, frame: Any) -> faces.Face:
        """The face of one frame; that of a key frame has the key's seed. Raises UserError."""
        place = read_whole(frame, Message("The frame"), 0, len(self.z) - 1)
        seed = None
        if place in self.key_frames:
            seed = self.keys[self.key_frames.index(place)].get("seed")
        return faces.Face(self.model, self.epoch, self.weights, self.z[place], seed, 1.0)

    @property
    def name(self) -> str:
        """The name of its files, without suffix."""
        seeds = "-".join(str(key.get("seed", "z")) for key in self.keys[:4])
        return f"{self.model}_interpolation_{seeds}"


def read_keys(text: str, vectors: str) -> list[Key]:
    """Key faces from a list like `12, z1, 57`, where z1 is one of `vectors`; raises UserError."""
    known = read_vectors(vectors)
    names = [name.strip() for name in str(text)[:MAX_KEYS_CHARS].split(",") if name.strip()]
    keys: list[Key] = []
    for name in names:
        if re.fullmatch(r"\d{1,16}", name, re.ASCII):
            keys.append({"seed": int(name)})
        elif name in known:
            keys.append({"z": known[name]})
        else:
            raise UserError("'{name}' is no seed: write seeds like 12, 57.", name=name[:40])
    return keys


def read_vectors(text: str) -> Vectors:
    """The latent vectors without seeds that a page keeps, by name; none where it is no JSON."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_interpolation(workspace: Workspace, values: dict[str, Any]) -> Interpolation:
    """The interpolation of `{model, epoch, keys, frames, loop, method, easing}`.

    `keys` is a list of Key, `frames` their number between two keys. Raises UserError.
    """
    run, epoch, weights = faces.read_model(workspace, values.get("model"), values.get("epoch"))
    keys = values.get("keys")
    loop = values.get("loop", False)
    method, easing = values.get("method", "slerp"), values.get("easing", "linear")
    if not isinstance(keys, list) or not isinstance(loop, bool):
        raise UserError("The key faces are missing: choose two to twelve.")
    if not isinstance(method, str) or not isinstance(easing, str):
        raise UserError("The interpolation method is missing: choose one of the list.")
    per_leg = read_whole(
        values.get("frames", 60),
        Message("The number of frames between two faces"),
        1,
        MAX_FRAMES_PER_LEG,
    )
    count = interpolation.frame_count(len(keys), per_leg, loop=loop)
    key_frames = interpolation.key_frames(len(keys), count, loop=loop)
    nz = faces.load_model(weights).nz
    stacked = np.stack([faces.read_z(key, nz) for key in keys])
    z = interpolation.interpolate(stacked, count, loop=loop, method=method, easing=easing)
    return Interpolation(run.name, epoch, weights, keys, z, key_frames, loop, method, easing)


def write_film(
    path: Interpolation,
    new_file: Callable[[str], Path],
    *,
    suffix: Any,
    scale: Any,
    fps: Any,
    progress: Callable[[int, int], None],
) -> Path:
    """Write the film or strip of an interpolation; its path. Raises UserError.

    `suffix` is one of video.SUFFIXES, `scale` of SCALES; `new_file` gives a path for a file name.
    """
    if suffix not in video.SUFFIXES:
        formats = ", ".join(video.SUFFIXES)
        raise UserError("Films end in {formats}: choose one of those.", formats=formats)
    if scale not in SCALES:
        scales = ", ".join(map(str, SCALES))
        raise UserError("A film is enlarged {scales} times: choose one of those.", scales=scales)
    scale = min(scale, MAX_SCALE.get(suffix, scale))
    fps = read_number(fps, Message("The number of frames a second"))
    side = IMAGE_SIZE * scale
    video.check(suffix, len(path.z), fps, (side, side))
    target = new_file(f"{path.name}{suffix}")
    video.write(
        target,
        path.frames(),
        len(path.z),
        fps=fps,
        scale=scale,
        provenance=path.provenance,
        progress=progress,
    )
    return target
