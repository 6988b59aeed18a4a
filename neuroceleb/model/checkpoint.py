"""Checkpoint files (weights with their configuration) and state files (to resume training).

Files are read with safetensors or `weights_only=True`, which never run code from a file.
"""

import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from neuroceleb import files, limited, records
from neuroceleb.errors import Message, UserError
from neuroceleb.model import state_dicts
from neuroceleb.model.networks import Discriminator, Generator
from neuroceleb.settings import CHANNELS, IMAGE_SIZE

MAX_BYTES = 2 * 2**30
MAX_CHANNELS = {"nz": 4_096, "ngf": 512, "ndf": 512, "nc": 512}
GENERATOR, DISCRIMINATOR = Message("generator"), Message("discriminator")
MAX_RATIO = 10  # of what a zip unpacks to; torch.save does not compress
MAX_HEADER_BYTES = 2**20  # of a safetensors file
READING_BYTES = 256 * 2**20  # that reading may take besides
MEMORY_FACTOR = 4  # memory that reading may take, by the size of the file
STATE_VERSION = 1
PLAIN_TYPES = frozenset(
    {
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    }
)

Weights = dict[str, torch.Tensor]


def save_weights(
    path: Path, network: torch.nn.Module, config: Mapping[str, Any], dtype: str = "float32"
) -> None:
    """Write a network as safetensors, `config` as JSON in its metadata, whole or not at all.

    With dtype "float16" the convolutions are stored as float16; BatchNorm stays float32.
    """
    save_tensors(path, network.state_dict(), config, dtype)


def save_tensors(
    path: Path, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any], dtype: str
) -> None:
    """As `save_weights`, given a state dict."""
    tensors = {
        name: _converted(tensor, dtype).detach().cpu().contiguous()
        for name, tensor in weights.items()
    }
    metadata = {"format": "pt", "neuroceleb": json.dumps(config, ensure_ascii=False)}
    files.write_bytes(path, safetensors.torch.save(tensors, metadata))


def _converted(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    return tensor.half() if dtype == "float16" and tensor.dim() == 4 else tensor


def _torch_save(value: dict[str, Any], path: Path) -> None:
    """Serialize to memory first: on a full disk, torch.save raises no OSError."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with path.open("xb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load_generator(path: Path) -> tuple[Generator, dict[str, Any]]:
    """Load a generator in eval mode and the configuration saved with it ({} if there is none).

    The file is a safetensors file of `save_weights`, or what `torch.save` writes, in the zip or the
    legacy format: a state dict, or a checkpoint that holds one (see `state_dicts.find`). `nz` and
    `ngf` are read from the weights. Raises UserError where the file is damaged, contains code, or
    is not a generator of 64x64 RGB images.
    """
    weights, config = _read_weights(path, "generator")
    nz, ngf, nc = _generator_shape(path, weights)
    generator = Generator(nz, ngf, nc)
    _load_weights(path, generator, weights)
    return generator.eval(), config


def load_discriminator(path: Path) -> Discriminator:
    """Load a discriminator in eval mode; `ndf` and `nc` are read from the weights.

    Raises UserError where the file is damaged, contains code, or is not a discriminator.
    """
    weights, _ = _read_weights(path, "discriminator")
    ndf, nc = _discriminator_shape(path, weights)
    _check_colour(path, nc)
    norm = "batch" if "main.3.weight" in weights else "none"
    discriminator = Discriminator(ndf, nc, norm)
    _load_weights(path, discriminator, weights)
    return discriminator.eval()


def save_pth(path: Path, network: torch.nn.Module) -> None:
    """Write a state dict that the original script can load, whole or not at all."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    with files.replacing(path) as temporary:
        _torch_save(tensors, temporary)


def save_state(newest: Path, older: Path, state: dict[str, Any]) -> None:
    """Write the training state to `newest`; the previous `newest` is renamed to `older`."""
    with files.replacing(newest) as temporary:
        _torch_save({"version": STATE_VERSION, **state}, temporary)
        if newest.exists():
            newest.replace(older)


def load_state(newest: Path, older: Path) -> tuple[dict[str, Any], list[Message]]:
    """The newest undamaged training state, and a warning for each damaged one.

    Raises UserError where there is none.
    """
    warnings: list[Message] = []
    for path in (newest, older):
        if not path.exists():
            continue
        try:
            return _read_state(path), warnings
        except UserError as error:
            warnings.append(error.message)
    if warnings:
        raise UserError(
            "{warning} There is no older state either: start a new run.", warning=warnings[0]
        )
    raise UserError(
        "{path} is missing: the run saved no state to continue from, start a new run.",
        path=newest,
    )


def _read_state(path: Path) -> dict[str, Any]:
    if not _is_intact_zip(path):
        raise UserError("{path} is damaged and was skipped.", path=path)
    size = path.stat().st_size
    try:
        with limited.memory_limited(MEMORY_FACTOR * size + READING_BYTES):
            state = _unpickle(path)
    except MemoryError as error:
        raise UserError("{path} is damaged and was skipped.", path=path) from error
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        raise UserError("{path} is not a state file of this version and was skipped.", path=path)
    return state


def _is_intact_zip(path: Path) -> bool:
    """Whether the zip archive is complete, all checksums are correct, and it is no zip bomb."""
    try:
        with files.open_regular(path) as file, zipfile.ZipFile(file) as archive:
            size = os.fstat(file.fileno()).st_size
            is_larger = sum(part.file_size for part in archive.infolist()) > size
            return not is_larger and archive.testzip() is None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


# Reading weights ---------------------------------------------------------------------------


def _read_weights(path: Path, network: str) -> tuple[Weights, dict[str, Any]]:
    """The state dict of a "generator" or "discriminator", and the configuration saved with it."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(
            "{path} cannot be read ({reason}): check its name.", path=path, reason=error.strerror
        ) from error
    if size > MAX_BYTES:
        raise UserError(
            "{path} is over {max_gb} GB: a generator is never that large.",
            path=path,
            max_gb=MAX_BYTES // 2**30,
        )
    if path.suffix == ".safetensors":
        tensors, config = _read_safetensors(path)
        return _find(path, tensors, network), config
    return _read_pickled_weights(path, size, network), {}


def _read_safetensors(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        _check_header(path)
        with safetensors.safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        for name, tensor in weights.items():
            _check_plain(path, name, tensor)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(
            "{path} is not a complete safetensors file: copy or make it again.", path=path
        ) from error
    return weights, records.parse_object(metadata.get("neuroceleb")) or {}


def _check_header(path: Path) -> None:
    """Raises ValueError where the file says that its header is larger than any of ours."""
    with files.open_regular(path, follow_links=True) as file:
        if int.from_bytes(file.read(8), "little") > MAX_HEADER_BYTES:
            raise ValueError("the header is too long")


def _read_pickled_weights(path: Path, size: int, network: str) -> Weights:
    """A network's state dict in a file of torch.save, read in a child process (see `limited`)."""
    with tempfile.TemporaryDirectory(prefix="neuroceleb-") as folder:
        converted = Path(folder) / "weights.safetensors"
        try:
            limited.call(
                f"{__name__}:convert_pickled_weights",
                [os.fspath(path), str(converted), network],
                MEMORY_FACTOR * size + READING_BYTES,
            )
        except limited.LimitExceededError as error:
            raise UserError(
                "{path} was refused: reading it takes far more memory or time than weights of its "
                "size; use one written by torch.save(netG.state_dict()).",
                path=path,
            ) from error
        return _read_safetensors(converted)[0]


def convert_pickled_weights(source: str, target: str, network: str) -> None:
    """Write a network's state dict in a file of torch.save as safetensors. Raises UserError.

    Only plain tensors are accepted: dense, on no device but the CPU, of ordinary numbers.
    """
    path = Path(source)
    weights = _find(path, _unpickle(path), network)
    for name, tensor in weights.items():
        _check_plain(path, name, tensor)
    _check_giants(path, weights)
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in weights.items()
    }
    files.write_bytes(Path(target), safetensors.torch.save(tensors))


def _check_plain(path: Path, name: str, tensor: torch.Tensor) -> None:
    """Raises UserError for a tensor without plain numbers: sparse, meta, quantized, float8, …"""
    is_plain = (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and not tensor.is_nested
        and tensor.device.type == "cpu"
        and tensor.dtype in PLAIN_TYPES
    )
    if not is_plain:
        raise UserError(
            "{path} is not a file of plain weights: '{name}' holds {kind} numbers; save "
            "netG.float().state_dict() instead.",
            path=path,
            name=name[:80],
            kind=_kind_of(tensor),
        )


def _kind_of(tensor: torch.Tensor) -> str:
    if tensor.is_nested:
        return "nested"
    if tensor.layout is not torch.strided:
        return "sparse"
    return "no" if tensor.is_meta else str(tensor.dtype).removeprefix("torch.")


def _check_giants(path: Path, weights: Weights) -> None:
    """Raises UserError where views of a few bytes stand for a network larger than any of ours."""
    if "main.12.weight" in weights:
        _generator_shape(path, weights)
    elif "main.0.weight" in weights:
        _discriminator_shape(path, weights)
    if sum(tensor.numel() * tensor.element_size() for tensor in weights.values()) > MAX_BYTES:
        raise UserError(
            "{path} unpacks to over {max_gb} GB: it was refused.",
            path=path,
            max_gb=MAX_BYTES // 2**30,
        )


def _unpickle(path: Path) -> Any:
    try:
        _check_archive(path)
        with files.open_regular(path, follow_links=True) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except (UserError, MemoryError):
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            "{path} was refused: it contains code or is not a file of plain weights; use one "
            "written by torch.save(netG.state_dict()).",
            path=path,
        ) from error
    except Exception as error:  # torch raises any kind of exception for malformed bytes
        raise UserError(
            "{path} is damaged or not a weights file: copy or make it again.", path=path
        ) from error


def _check_archive(path: Path) -> None:
    """Raises UserError for a zip that is too large unpacked, or that is a TorchScript program."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("constants.pkl") for name in archive.namelist()):
                raise UserError(
                    "{path} is a TorchScript program, which is code: save netG.state_dict() "
                    "instead.",
                    path=path,
                )
            unpacked = sum(part.file_size for part in archive.infolist())
            if unpacked > min(MAX_BYTES, MAX_RATIO * path.stat().st_size):
                raise UserError(
                    "{path} unpacks to {unpacked} MB: it was refused.",
                    path=path,
                    unpacked=unpacked >> 20,
                )


def _find(path: Path, value: Any, network: str) -> Weights:
    """The network's state dict in a value; raises UserError where it is plainly of another kind."""
    weights = state_dicts.find(value, network, path)
    if not weights:
        raise UserError("{path} is not a state dict: save netG.state_dict() instead.", path=path)
    kind = state_dicts.kind_of(weights)
    if kind == "discriminator" and network == "generator":
        raise UserError("{path} is a discriminator: a generator is needed, netG.", path=path)
    if kind == "generator" and network == "discriminator":
        raise UserError("{path} is a generator: a discriminator is needed, netD.", path=path)
    size = state_dicts.image_size(weights)
    if kind == network == "generator" and size not in (None, IMAGE_SIZE):
        raise UserError(
            "{path} makes images of {size}x{size} pixels: only generators of {ours}x{ours} can be "
            "used.",
            path=path,
            size=size,
            ours=IMAGE_SIZE,
        )
    return weights


def _generator_shape(path: Path, weights: Weights) -> tuple[int, int, int]:
    first = _tensor(path, weights, "main.0.weight", GENERATOR, 4)
    last = _tensor(path, weights, "main.12.weight", GENERATOR, 4)
    nz, ngf, nc = first.shape[0], last.shape[0], last.shape[1]
    _check_channels(path, GENERATOR, nz=nz, ngf=ngf, nc=nc)
    _check_colour(path, nc)
    return nz, ngf, nc


def _discriminator_shape(path: Path, weights: Weights) -> tuple[int, int]:
    first = _tensor(path, weights, "main.0.weight", DISCRIMINATOR, 4)
    _check_channels(path, DISCRIMINATOR, ndf=first.shape[0], nc=first.shape[1])
    return first.shape[0], first.shape[1]


def _check_colour(path: Path, nc: int) -> None:
    if nc != CHANNELS:
        raise UserError(
            "{path} is for images of {count} channels: only RGB, which has 3, can be used.",
            path=path,
            count=nc,
        )


def _check_channels(path: Path, kind: Message, **channels: int) -> None:
    """Reject huge shapes, which a small file can claim, before a network is allocated."""
    for name, count in channels.items():
        if count > MAX_CHANNELS[name]:
            raise UserError(
                "{path} is not a {kind} of ours: its {name} {count} is too large.",
                path=path,
                kind=kind,
                name=name,
                count=count,
            )


def _tensor(path: Path, weights: Weights, name: str, kind: Message, dims: int) -> torch.Tensor:
    if name not in weights:
        raise UserError(
            "{path} is not a {kind}: '{name}' is missing.", path=path, kind=kind, name=name
        )
    tensor = weights[name]
    if tensor.dim() != dims or 0 in tensor.shape:
        raise UserError(
            "{path} is not a {kind}: '{name}' has shape {shape}, not {dims} sides.",
            path=path,
            kind=kind,
            name=name,
            shape=tuple(tensor.shape),
            dims=dims,
        )
    return tensor


def _load_weights(path: Path, network: torch.nn.Module, weights: Weights) -> None:
    """Load a state dict; raises UserError naming the first key that does not match."""
    kind = GENERATOR if isinstance(network, Generator) else DISCRIMINATOR
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):  # missing in files of PyTorch before 0.4.1
            weights.setdefault(name, tensor)
        _check_tensor(path, kind, name, _tensor(path, weights, name, kind, tensor.dim()), tensor)
    extra = sorted(set(weights) - set(expected))
    if extra:
        raise UserError(
            "{path} is not a {kind}: it has an unknown key '{key}'.",
            path=path,
            kind=kind,
            key=extra[0][:80],
        )
    network.load_state_dict(weights)


def _check_tensor(
    path: Path, kind: Message, name: str, found: torch.Tensor, expected: torch.Tensor
) -> None:
    if found.shape != expected.shape:
        raise UserError(
            "{path} is not a {kind}: '{name}' has shape {shape}, not {expected}.",
            path=path,
            kind=kind,
            name=name,
            shape=tuple(found.shape),
            expected=tuple(expected.shape),
        )
    if found.is_floating_point() != expected.is_floating_point():
        raise UserError(
            "{path} is not a {kind}: '{name}' holds {dtype} numbers.",
            path=path,
            kind=kind,
            name=name,
            dtype=found.dtype,
        )
    if not torch.isfinite(found).all():
        raise UserError(
            "{path} has values in '{name}' that are not finite: it cannot be used.",
            path=path,
            name=name,
        )
