"""Inference: load generators into a cache and render uint8 images from latent vectors.

BatchNorm is folded into the convolutions before rendering. In eval mode it is a scale and a shift
per channel, so it goes into the weights and a bias of the convolution before it (Jacob et al.,
*Quantization and Training of Neural Networks*, CVPR 2018, section 3.2).
"""

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuroceleb import __version__
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.model import checkpoint, turns
from neuroceleb.model.networks import Generator
from neuroceleb.settings import IMAGE_SIZE

# Forward passes use a few fixed batch sizes: PyTorch picks kernels by shape, and another kernel may
# round differently. Where results differ (see `_batch_sizes`), only BATCH remains, with padding.
BATCH = 8
BATCH_SIZES = (16, BATCH, 4, 2, 1)  # 16 is the fastest per face; a single face needs no padding
MAX_LOADED = 8
MAX_LOADED_BYTES = 2**30  # of weights; the newest model is kept whatever its size

Latents = NDArray[np.float32]
T = TypeVar("T")


def to_pixels(images: torch.Tensor) -> Pixels:
    """(N, 3, H, W) in [-1, 1] -> (N, H, W, 3) uint8: round((x + 1) * 127.5), clamped."""
    levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def render(network: Generator, z: Latents) -> Pixels:
    """Images of z: (N, nz) float32 -> (N, 64, 64, 3) uint8, in eval mode.

    The same z gives the same bytes in every batch, at every position. The network's statistics and
    its training mode do not change. Raises UserError unless z is (N, nz) and finite.
    """
    check_latents(z, network.nz)
    return _concatenated(render_batches(fold_batchnorm(network), z))


def render_batches(layers: nn.Sequential, z: Latents) -> Iterator[Pixels]:
    """Images of z by the layers of `fold_batchnorm`, one forward pass at a time."""
    sizes = _batch_sizes(layers)
    start = 0
    while start < len(z):
        size = next((size for size in sizes if size <= len(z) - start), sizes[-1])
        batch = z[start : start + size]
        yield to_pixels(_forward(layers, batch, size)[: len(batch)])
        start += size


def _forward(layers: nn.Sequential, z: Latents, size: int) -> torch.Tensor:
    """One forward pass of z, padded with zeros to (size, nz, 1, 1)."""
    weight = next(layers.parameters())
    batch = torch.zeros(size, z.shape[1], 1, 1)
    batch[: len(z), :, 0, 0] = torch.from_numpy(np.ascontiguousarray(z))
    with torch.inference_mode():
        images: torch.Tensor = layers(batch.to(weight.device))
    return images


_tested_batch_sizes: dict[tuple[object, ...], tuple[int, ...]] = {}


def _batch_sizes(layers: nn.Sequential) -> tuple[int, ...]:
    """The batch sizes that may be mixed, largest first.

    All of BATCH_SIZES if they give the same floats, else BATCH only. Tested once for each network
    width, device and number of threads.
    """
    weights = [parameter for parameter in layers.parameters() if parameter.dim() == 4]
    width = tuple(tuple(weight.shape) for weight in weights)
    key = (width, str(weights[0].device), torch.get_num_threads())
    if key not in _tested_batch_sizes:
        rng = np.random.default_rng(0)
        z = rng.standard_normal((BATCH_SIZES[0], weights[0].shape[0])).astype(np.float32)
        expected = _forward(layers, z, BATCH_SIZES[0])
        are_equal = all(
            torch.equal(
                _forward(layers, z[start : start + size], size), expected[start : start + size]
            )
            for size in BATCH_SIZES[1:]
            for start in range(0, len(z), size)
        )
        _tested_batch_sizes[key] = BATCH_SIZES if are_equal else (BATCH,)
    return _tested_batch_sizes[key]


def check_latents(z: Latents, nz: int) -> None:
    """Raises UserError unless z is (N, nz) and finite."""
    if z.ndim != 2 or z.shape[1] != nz or not np.isfinite(z).all():
        raise UserError(
            "A z of this model is {nz} finite numbers, not {shape}.", nz=nz, shape=z.shape[1:]
        )


def _concatenated(parts: Iterator[Pixels]) -> Pixels:
    return np.concatenate([np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), *parts])


# Folding BatchNorm -------------------------------------------------------------------------


def fold_batchnorm(network: Generator) -> nn.Sequential:
    """Layers without BatchNorm that map (N, nz, 1, 1) to the images of `network` in eval mode.

    On the network's device, float32, channels last. They share no memory with the network.
    """
    layers: list[nn.Module] = []
    for layer in network.main:
        if isinstance(layer, nn.ConvTranspose2d):
            layers.append(_with_zero_bias(layer))
        elif isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm):
            _fold_into(layers[-1], layer)
        else:
            layers.append(nn.ReLU(inplace=True) if isinstance(layer, nn.ReLU) else nn.Tanh())
    folded = nn.Sequential(*layers).eval().requires_grad_(False)
    return folded.to(memory_format=torch.channels_last)


def _with_zero_bias(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    """A float32 copy of the convolution with a bias of zeros."""
    copied = copy.deepcopy(layer).float()
    copied.bias = nn.Parameter(torch.zeros(layer.out_channels, device=layer.weight.device))
    return copied


def _fold_into(convolution: nn.Module, norm: nn.BatchNorm2d | nn.SyncBatchNorm) -> None:
    """Scale and shift the convolution's output as `norm` does; computed in float64."""
    assert isinstance(convolution, nn.ConvTranspose2d)
    assert convolution.bias is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        shift = norm.bias.double() - norm.running_mean.double() * scale
        convolution.weight.copy_(convolution.weight.double() * scale[None, :, None, None])
        convolution.bias.copy_(shift)


# Models ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A generator loaded from a file, ready to render."""

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
        """The provenance of its images: run, epoch, version, and the SHA-256 of the file."""
        name = str(self.config.get("run", self.path.name))
        known = {"model": name, "sha256": self.sha256, "version": __version__}
        return known | ({"epoch": self.config["epoch"]} if "epoch" in self.config else {})

    @cached_property
    def layers(self) -> nn.Sequential:
        """The generator's layers with BatchNorm folded in."""
        return fold_batchnorm(self.network)

    @property
    def bytes(self) -> int:
        """Memory used by the weights, with and without BatchNorm folded in."""
        return 2 * sum(p.numel() * p.element_size() for p in self.network.parameters())

    def images(self, z: Latents) -> Pixels:
        """(N, nz) float32 -> (N, 64, 64, 3) uint8; see `render`."""
        return _concatenated(self.frames(z))

    def frames(self, z: Latents) -> Iterator[Pixels]:
        """As `images`, but yields the images of each forward pass when they are ready.

        All callers share one thread, which runs one pass at a time: those of small requests before
        those of large ones, see `turns`.
        """
        check_latents(z, self.nz)
        batches = render_batches(self.layers, z)
        drawn = 0
        with turns.FACES.request(len(z)) as request:
            while drawn < len(z):
                with request.turn(min(len(z) - drawn, BATCH_SIZES[0])):
                    faces = _renderer.submit(next, batches).result()
                drawn += len(faces)
                yield faces


# One thread: every calling thread would start its own OpenMP workers and oversubscribe the CPU.
_renderer = ThreadPoolExecutor(1, thread_name_prefix="renderer")


def compute(function: Callable[[], T]) -> T:
    """The result of a computation of at most some tenths of a second in the thread that renders."""
    return _renderer.submit(function).result()


Key = tuple[str, int, int]  # resolved path, modification time in ns, size in bytes
_loaded: OrderedDict[Key, Future[Model]] = OrderedDict()
_lock = threading.Lock()


def load(path: Path) -> Model:
    """The model in a file, from a least-recently-used cache while the file has not changed.

    Raises UserError where the file is damaged, contains code or is not a generator.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): check its name.", path=path, reason=error.strerror
        ) from error
    key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
    with _lock:
        future = _loaded.get(key)
        is_new = future is None
        if future is None:
            future = _loaded[key] = Future()
        _loaded.move_to_end(key)
    if is_new:
        _load_into(future, path, key)
    return future.result()


def _load_into(future: Future[Model], path: Path, key: Key) -> None:
    """Load a model for all threads waiting for it; a failed one is removed from the cache."""
    try:
        future.set_result(_load(path))
        _evict()
    except BaseException as error:
        with _lock:
            _loaded.pop(key, None)
        if future.done():
            raise
        future.set_exception(error)


def _evict() -> None:
    """Remove the oldest models until MAX_LOADED and MAX_LOADED_BYTES are met."""
    with _lock:
        sizes = {key: m.result().bytes for key, m in _loaded.items() if m.done()}
        for key in list(sizes)[:-1]:
            if len(sizes) <= MAX_LOADED and sum(sizes.values()) <= MAX_LOADED_BYTES:
                return
            del _loaded[key], sizes[key]


def _load(path: Path) -> Model:
    network, config = checkpoint.load_generator(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).to(memory_format=torch.channels_last)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(path, network.requires_grad_(False), config, sha256)
