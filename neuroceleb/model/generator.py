"""From z to faces: load a generator, keep it, make uint8 images. The UI's only door to torch."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuroceleb import __version__
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.model import checkpoint, folded
from neuroceleb.model.networks import Generator
from neuroceleb.settings import IMAGE_SIZE

# A pass has one of few shapes: kernels are chosen by shape, and sums may come out differently in
# another kernel. Where they do (see `_shapes`), only BATCH is left, padded: one shape, one kernel.
BATCH = 8
SHAPES = (16, BATCH, 4, 2, 1)  # the best pace comes at 16 faces; a lone face takes a pass of one
MAX_LOADED = 8
MAX_LOADED_BYTES = 2**30  # of weights; one model stays however large

Latents = NDArray[np.float32]


def to_pixels(images: torch.Tensor) -> Pixels:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8: round((x + 1) * 127.5), clamped."""
    levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def render(network: Generator, z: Latents) -> Pixels:
    """Faces of z: (N, nz) float32 -> (N, 64, 64, 3) uint8, in eval mode, moving no figure.

    The same z gives the same bytes whatever stands beside it, in whatever number. A network in
    training is left in training. Raises UserError where z is not (N, nz) and finite.
    """
    _check(z, network.nz)
    layers = folded.fold(network)
    return _joined(draw_passes(layers, z))


def draw_passes(layers: nn.Sequential, z: Latents) -> Iterator[Pixels]:
    """Faces of z, some at a time, by folded layers."""
    shapes = _shapes(layers)
    start = 0
    while start < len(z):
        size = next((shape for shape in shapes if shape <= len(z) - start), shapes[-1])
        yield _draw(layers, z[start : start + size], size)
        start += size


def _draw(layers: nn.Sequential, z: Latents, size: int) -> Pixels:
    """One pass: the faces of up to `size` z, padded with zeros to that many."""
    return to_pixels(_pass(layers, z, size)[: len(z)])


def _pass(layers: nn.Sequential, z: Latents, size: int) -> torch.Tensor:
    weight = next(layers.parameters())
    batch = torch.zeros(size, z.shape[1], 1, 1)
    batch[: len(z), :, 0, 0] = torch.from_numpy(np.ascontiguousarray(z))
    with torch.inference_mode():
        images: torch.Tensor = layers(batch.to(weight.device))
    return images


_known_shapes: dict[tuple[object, ...], tuple[int, ...]] = {}


def _shapes(layers: nn.Sequential) -> tuple[int, ...]:
    """The sizes of passes that may be mixed, largest first.

    All of SHAPES where, of networks of this width on this device, they make the same floats to the
    last bit, which is tried once; else BATCH alone.
    """
    weights = [parameter for parameter in layers.parameters() if parameter.dim() == 4]
    width = tuple(tuple(weight.shape) for weight in weights)
    key = (width, str(weights[0].device), torch.get_num_threads())
    if key not in _known_shapes:
        rng = np.random.default_rng(0)
        z = rng.standard_normal((SHAPES[0], weights[0].shape[0])).astype(np.float32)
        whole = _pass(layers, z, SHAPES[0])
        alike = all(
            torch.equal(_pass(layers, z[start : start + size], size), whole[start : start + size])
            for size in SHAPES[1:]
            for start in range(0, len(z), size)
        )
        _known_shapes[key] = SHAPES if alike else (BATCH,)
    return _known_shapes[key]


def _check(z: Latents, nz: int) -> None:
    if z.ndim != 2 or z.shape[1] != nz or not np.isfinite(z).all():
        raise UserError(f"A z of this model is {nz} finite numbers, not {z.shape[1:]}.")


def _joined(parts: Iterator[Pixels]) -> Pixels:
    return np.concatenate([np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), *parts])


# Models ------------------------------------------------------------------------------------


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

    @cached_property
    def layers(self) -> nn.Sequential:
        """The same generator, folded for drawing."""
        return folded.fold(self.network)

    @property
    def bytes(self) -> int:
        """What its weights take in memory, folded and not."""
        return 2 * sum(p.numel() * p.element_size() for p in self.network.parameters())

    def images(self, z: Latents) -> Pixels:
        """(N, nz) float32 -> (N, 64, 64, 3) uint8; see `render`."""
        return _joined(self.frames(z))

    def frames(self, z: Latents) -> Iterator[Pixels]:
        """As `images`, some faces at a time, as they are drawn.

        One thread draws for all who ask, a pass for each in turn: a film of thousands of frames
        keeps nobody waiting for longer than a pass.
        """
        _check(z, self.nz)
        passes = draw_passes(self.layers, z)
        while (faces := _painter.submit(next, passes, None).result()) is not None:
            yield faces


# Threads of their own would each bring a team of workers and crowd the cores.
_painter = ThreadPoolExecutor(1, thread_name_prefix="painter")

Key = tuple[str, int, int]
_loaded: OrderedDict[Key, Future[Model]] = OrderedDict()
_changing = threading.Lock()


def load(path: Path) -> Model:
    """The model in a file, from the few kept in memory if it is the same file still.

    Raises UserError where the file is damaged, carries code or is not a generator.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its name.") from error
    key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
    with _changing:
        future = _loaded.get(key)
        is_ours = future is None
        if future is None:
            future = _loaded[key] = Future()
        _loaded.move_to_end(key)
    if is_ours:
        _read_into(future, path, key)
    return future.result()


def _read_into(future: Future[Model], path: Path, key: Key) -> None:
    """Read a model for all who wait for it; one that cannot be read is forgotten."""
    try:
        future.set_result(_read(path))
        _forget_the_oldest()
    except BaseException as error:
        with _changing:
            _loaded.pop(key, None)
        if future.done():
            raise
        future.set_exception(error)


def _forget_the_oldest() -> None:
    """Keep no more models than MAX_LOADED, nor more bytes than MAX_LOADED_BYTES."""
    with _changing:
        sizes = {key: m.result().bytes for key, m in _loaded.items() if m.done()}
        for key in list(sizes)[:-1]:
            if len(sizes) <= MAX_LOADED and sum(sizes.values()) <= MAX_LOADED_BYTES:
                return
            del _loaded[key], sizes[key]


def _read(path: Path) -> Model:
    network, config = checkpoint.load_generator(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).to(memory_format=torch.channels_last)
    if network.nc != 3:
        raise UserError(f"{path} makes images that are not in colour: only RGB can be shown.")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(path, network.requires_grad_(False), config, sha256)
