"""Walks that a visitor asks for: checked, drawn piece by piece, and filmed behind the page."""

import logging
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroceleb import __version__, images, video
from neuroceleb.app import faces
from neuroceleb.app.translations import TEXTS
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent import interpolation
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE

log = logging.getLogger(__name__)

COLUMNS = 16  # of a sprite
PIECE = 64  # frames of one answer, at most
MAX_FRAMES_PER_LEG = 240
SCALES = (1, 2, 4, 8)
MAX_SCALE = {".png": 1}  # a strip is for the eye and the pixel counter, not for the cinema

MAX_WAITING = 8
KEPT_S = 900.0
MAX_KEPT = 16


@dataclass(frozen=True)
class Walk:
    """A way through key faces of one model, every part of it known to be good."""

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
    def recipe(self) -> dict[str, Any]:
        """All it takes to walk it again."""
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
        from neuroceleb.model import generator

        for part in generator.load(self.weights).frames(self.z[start:stop]):
            yield from part

    def face(self, frame: int) -> faces.Picked:
        """The face of one frame: the key's own where it is a key's."""
        if frame in self.key_frames:
            key = self.keys[self.key_frames.index(frame)]
            seed = key.get("seed")
            scale = key.get("truncation", 1.0)
            return faces.Picked(
                self.model, self.epoch, self.weights, self.z[frame], seed, float(scale)
            )
        return faces.Picked(self.model, self.epoch, self.weights, self.z[frame], None, 1.0)

    @property
    def name(self) -> str:
        """What its files are called, without suffix."""
        seeds = "-".join(str(key.get("seed", "z")) for key in self.keys[:4])
        return f"{self.model}_walk_{seeds}"


def read_walk(workspace: Workspace, wishes: dict[str, Any]) -> Walk:
    """A walk from what the page or anyone else sent; raises UserError for what is not good."""
    run, epoch, weights = faces.read_model(workspace, wishes.get("model"), wishes.get("epoch"))
    given = wishes.get("keys")
    loop = wishes.get("loop", False)
    method, easing = wishes.get("method", "slerp"), wishes.get("easing", "linear")
    if not isinstance(given, list) or not isinstance(loop, bool):
        raise UserError("The key faces of the walk are missing: choose two to twelve.")
    if not isinstance(method, str) or not isinstance(easing, str):
        raise UserError("The way of the walk is missing: choose one of the list.")
    per_leg = faces.read_whole(wishes.get("frames", 60), "The number of frames a leg")
    if not 1 <= per_leg <= MAX_FRAMES_PER_LEG:
        raise UserError(f"A leg has 1 to {MAX_FRAMES_PER_LEG} frames, not {per_leg}.")
    count = interpolation.frame_count(len(given), per_leg, loop=loop)
    key_frames = interpolation.key_frames(len(given), count, loop=loop)
    from neuroceleb.model import generator

    nz = generator.load(weights).nz
    keys = np.stack([faces.read_z(key, nz) for key in given])
    z = interpolation.interpolate(keys, count, loop=loop, method=method, easing=easing)
    plain = [_plain(key) for key in given]
    return Walk(run.name, epoch, weights, plain, z, key_frames, loop, method, easing)


def _plain(key: dict[str, Any]) -> dict[str, Any]:
    if "z" in key:
        return {"z": key["z"]}
    seed = faces.read_whole(key["seed"], "The seed")
    return {"seed": seed, "truncation": faces.read_truncation(key.get("truncation", 1.0))}


def sprite(walk: Walk, start: int, count: int) -> bytes:
    """Frames of a walk side by side, 16 in a row, as WebP without loss. Raises UserError."""
    if not 0 <= start < len(walk.z) or not 1 <= count <= PIECE:
        raise UserError(f"Frame {start} of this walk is not there: it has {len(walk.z)}.")
    frames = np.stack(list(walk.frames(start, start + count)))
    return images.sprite(frames, COLUMNS)


# Films -------------------------------------------------------------------------------------


class Film:
    """One film being made, waiting to be made, or made."""

    def __init__(self, path: Path, count: int, name: str) -> None:
        self.path, self.count, self.name = path, count, name
        self.done = 0
        self.state = "making"  # or "ready", "failed"
        self.problem = ""
        self.given_up = False
        self.born = time.monotonic()

    def progress(self, done: int, _: int) -> None:
        """Told by `media.write`; where nobody wants the film any more, the work ends here."""
        self.done = done
        if self.given_up:
            raise UserError("The film was given up.")

    def as_page(self) -> dict[str, Any]:
        """How far it has come."""
        return {
            "state": self.state,
            "done": self.done,
            "count": self.count,
            "problem": self.problem,
        }


class Studio:
    """Makes films, one at a time, into a folder that goes with it; a few stay for some minutes."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="neuroceleb-films-")
        self._films: dict[str, Film] = {}
        self._changing = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="films")

    def start(self, walk: Walk, wishes: dict[str, Any]) -> str:
        """Begin a film; returns the name to ask for it by. Raises UserError."""
        suffix = wishes.get("suffix")
        if suffix not in video.SUFFIXES:
            raise UserError(f"Films end in {', '.join(video.SUFFIXES)}: choose one of those.")
        scale = faces.read_whole(wishes.get("scale", 1), "The scale")
        if scale not in SCALES:
            raise UserError(f"A film is enlarged {', '.join(map(str, SCALES))} times, not {scale}.")
        scale = min(scale, MAX_SCALE.get(suffix, scale))
        fps = faces.read_number(wishes.get("fps", 30), "The number of frames a second")
        video.check(suffix, len(walk.z), fps, (IMAGE_SIZE * scale, IMAGE_SIZE * scale))
        name = secrets.token_urlsafe(12)
        path = Path(self._folder.name) / f"{name}{suffix}"
        film = Film(path, len(walk.z), f"{walk.name}{suffix}")
        with self._changing:
            self._clear()
            waiting = sum(other.state == "making" for other in self._films.values())
            if waiting >= MAX_WAITING:
                raise UserError("Too many films are being made: try again in a minute.")
            self._films[name] = film
        self._worker.submit(self._make, film, walk, fps, scale)
        return name

    def film(self, name: str) -> Film:
        """The film of that name; raises UserError where it is not there any more."""
        with self._changing:
            film = self._films.get(name)
        if film is None:
            raise UserError("That film is not here any more: make it again.")
        return film

    def give_up(self, name: str) -> None:
        """Stop making a film, or forget it."""
        film = self.film(name)
        film.given_up = True
        if film.state != "making":
            film.born = -KEPT_S
        with self._changing:
            self._clear()

    def close(self) -> None:
        """End what is being made, and remove every film."""
        for film in self._films.values():
            film.given_up = True
        self._worker.shutdown()
        self._folder.cleanup()

    def _make(self, film: Film, walk: Walk, fps: float, scale: int) -> None:
        try:
            film.progress(0, film.count)
            frames = walk.frames()
            video.write(
                film.path,
                frames,
                film.count,
                fps=fps,
                scale=scale,
                provenance=walk.recipe,
                progress=film.progress,
            )
            film.state = "ready"
        except UserError as error:
            film.problem, film.state = str(error), "failed"
        except Exception:
            log.exception("The film %s failed", film.name)
            film.problem, film.state = TEXTS["en"]["sorry"], "failed"

    def _clear(self) -> None:
        """Forget what is old, and the oldest of too many."""
        ended = [name for name, film in self._films.items() if film.state != "making"]
        for place, name in enumerate(reversed(ended)):
            film = self._films[name]
            if place >= MAX_KEPT or time.monotonic() - film.born > KEPT_S:
                film.path.unlink(missing_ok=True)
                del self._films[name]
