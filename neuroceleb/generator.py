"""From z to faces: load a generator, keep it, make uint8 images. The UI's only door to torch."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import __version__, checkpoint
from .errors import UserError
from .images import Pixels
from .networks import Generator

# Every pass has this shape, padded if need be: kernels are chosen by shape, and sums come out
# differently in another kernel. One shape, one kernel: one seed, one face, to the byte.
BATCH = 8
MAX_LOADED = 8


def to_pixels(images: torch.Tensor) -> Pixels:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8: round((x + 1) * 127.5), clamped."""
    levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def render(network: Generator, z: NDArray[np.float32]) -> Pixels:
    """Faces of z: (N, nz) float32 -> (N, 64, 64, 3) uint8, in eval mode, moving no figure.

    The same z gives the same bytes whatever stands beside it, in whatever number. A network in
    training is left in training. Raises UserError where z is not (N, nz) and finite.
    """
    if z.ndim != 2 or z.shape[1] != network.nz or not np.isfinite(z).all():
        raise UserError(f"A z of this model is {network.nz} finite numbers, not {z.shape[1:]}.")
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()
    batches = []
    with torch.inference_mode():
        for start in range(0, len(z), BATCH):
            batch = torch.zeros(BATCH, network.nz, 1, 1)
            part = torch.from_numpy(np.ascontiguousarray(z[start : start + BATCH]))
            batch[: len(part), :, 0, 0] = part
            images = network(batch.to(parameter.device, parameter.dtype))
            batches.append(to_pixels(images[: len(part)]))
    network.train(was_training)
    return np.concatenate(batches) if batches else np.empty((0, 64, 64, 3), np.uint8)


@dataclass(frozen=True)
class Model:
    """A generator read from a file, ready to draw."""

    path: Path
    network: Generator
    config: dict[str, Any]
    sha256: str

    @property
    def nz(self) -> int:
        """Length of the latent vector."""
        return self.network.nz

    @property
    def recipe(self) -> dict[str, Any]:
        """What says again which model drew a face: the run, its epoch, the file's SHA-256."""
        name = str(self.config.get("run", self.path.name))
        known = {"model": name, "sha256": self.sha256, "version": __version__}
        return known | ({"epoch": self.config["epoch"]} if "epoch" in self.config else {})

    def images(self, z: NDArray[np.float32]) -> Pixels:
        """(N, nz) float32 -> (N, 64, 64, 3) uint8; see `render`."""
        return render(self.network, z)


_loaded: OrderedDict[tuple[str, int, int], Model] = OrderedDict()
_loading = threading.Lock()


def load(path: Path) -> Model:
    """The model in a file, from the few kept in memory if it is the same file still.

    Raises UserError where the file is damaged, carries code or is not a generator.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its name.") from error
    key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
    with _loading:
        if key not in _loaded:
            _loaded[key] = _read(path)
        _loaded.move_to_end(key)
        while len(_loaded) > MAX_LOADED:
            _loaded.popitem(last=False)
        return _loaded[key]


def _read(path: Path) -> Model:
    network, config = checkpoint.load_generator(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).to(memory_format=torch.channels_last)
    if network.nc != 3:
        raise UserError(f"{path} makes images that are not in colour: only RGB can be shown.")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(path, network.requires_grad_(False), config, sha256)
