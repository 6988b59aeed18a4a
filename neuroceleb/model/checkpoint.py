"""Weights and their configuration in one safe file; the full state to continue training from.

Nothing here ever runs code from a file: weights load with safetensors or `weights_only=True`.
"""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.model.networks import Discriminator, Generator

MAX_BYTES = 2 * 2**30
WIDEST = {"nz": 4_096, "ngf": 512, "ndf": 512, "nc": 512}
STATE_VERSION = 1

Weights = dict[str, torch.Tensor]


def save_weights(
    path: Path, network: torch.nn.Module, config: Mapping[str, Any], dtype: str = "float32"
) -> None:
    """Write a network as safetensors, `config` as JSON in its metadata, whole or not at all.

    With dtype "float16" the convolutions are halved; BatchNorm's figures stay float32.
    """
    save_tensors(path, network.state_dict(), config, dtype)


def save_tensors(
    path: Path, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any], dtype: str
) -> None:
    """The same, of a network's state dict."""
    tensors = {
        name: _stored(tensor, dtype).detach().cpu().contiguous() for name, tensor in weights.items()
    }
    metadata = {"format": "pt", "neuroceleb": json.dumps(config, ensure_ascii=False)}
    files.write_bytes(path, safetensors.torch.save(tensors, metadata))


def _stored(tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    return tensor.half() if dtype == "float16" and tensor.dim() == 4 else tensor


def _save(value: dict[str, Any], path: Path) -> None:
    """Put together in memory first: torch makes a riddle of a full disk, not an OSError."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with path.open("xb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def load_generator(path: Path) -> tuple[Generator, dict[str, Any]]:
    """Read a generator and the configuration saved with it ({} where the file has none).

    The file is our safetensors, or a state dict written by `torch.save(netG.state_dict())`, in
    today's zip format or the old one; `nz`, `ngf` and `nc` are read from the weights. Raises
    UserError where the file is damaged, carries code, or is not a generator.
    """
    weights, config = _read(path)
    weights = _without_prefix(weights)
    nz, ngf, nc = _generator_shape(path, weights)
    generator = Generator(nz, ngf, nc)
    _fill(path, generator, weights)
    return generator.eval(), config


def load_discriminator(path: Path) -> Discriminator:
    """Read a discriminator; `ndf` and `nc` are read from the weights. Raises UserError."""
    weights = _without_prefix(_read(path)[0])
    first = _tensor(path, weights, "main.0.weight", "discriminator", 4)
    _refuse_giants(path, "discriminator", ndf=first.shape[0], nc=first.shape[1])
    norm = "batch" if "main.3.weight" in weights else "none"
    discriminator = Discriminator(first.shape[0], first.shape[1], norm)
    _fill(path, discriminator, weights)
    return discriminator.eval()


def save_pth(path: Path, network: torch.nn.Module) -> None:
    """Write a plain state dict that the original script loads, whole or not at all."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    with files.replacing(path) as temporary:
        _save(tensors, temporary)


def save_state(newest: Path, older: Path, state: dict[str, Any]) -> None:
    """Write the training state as `newest`; what was there before becomes `older`."""
    with files.replacing(newest) as temporary:
        _save({"version": STATE_VERSION, **state}, temporary)
        if newest.exists():
            newest.replace(older)


def load_state(newest: Path, older: Path) -> tuple[dict[str, Any], list[str]]:
    """The newest whole training state, and a sentence for each damaged one passed over.

    Raises UserError where there is none to continue from.
    """
    complaints: list[str] = []
    for path in (newest, older):
        if not path.exists():
            continue
        try:
            return _read_state(path), complaints
        except UserError as error:
            complaints.append(str(error))
    if complaints:
        raise UserError(f"{complaints[0]} There is no older state either: start a new run.")
    raise UserError(
        f"{newest} is not there: the run saved nothing to continue from, start it anew."
    )


def _read_state(path: Path) -> dict[str, Any]:
    if not _is_whole_archive(path):
        raise UserError(f"{path} is damaged, so it was passed over.")
    state = _unpickle(path)
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        raise UserError(f"{path} is not a state of this version, so it was passed over.")
    return state


def _is_whole_archive(path: Path) -> bool:
    """Whether a zip archive is complete and every part's checksum holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


# Reading weights ---------------------------------------------------------------------------


def _read(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its name.") from error
    if size > MAX_BYTES:
        raise UserError(f"{path} is over {MAX_BYTES // 2**30} GB: no generator is that large.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    value = _unpickle(path)
    if not isinstance(value, dict) or not all(
        isinstance(key, str) and isinstance(item, torch.Tensor) for key, item in value.items()
    ):
        raise UserError(f"{path} is not a state dict: save netG.state_dict() instead.")
    return dict(value), {}


def _read_safetensors(path: Path) -> tuple[Weights, dict[str, Any]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is no whole safetensors file: copy or make it again.") from error
    try:
        config = json.loads(metadata.get("neuroceleb", "{}"))
    except ValueError:
        config = {}
    return weights, config if isinstance(config, dict) else {}


def _unpickle(path: Path) -> Any:
    try:
        _check_unpacked_size(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was refused: it carries code or is no file of plain weights; "
            "use one written by torch.save(netG.state_dict())."
        ) from error
    except Exception as error:  # torch meets hostile bytes with every kind of exception
        raise UserError(f"{path} is damaged or no weights file: copy or make it again.") from error


def _check_unpacked_size(path: Path) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
                raise UserError(f"{path} unpacks to over {MAX_BYTES // 2**30} GB: it was refused.")


def _without_prefix(weights: Weights) -> Weights:
    """Names without the `module.` that DataParallel puts before them."""
    return {name.removeprefix("module."): tensor for name, tensor in weights.items()}


def _generator_shape(path: Path, weights: Weights) -> tuple[int, int, int]:
    first = _tensor(path, weights, "main.0.weight", "generator", 4)
    last = _tensor(path, weights, "main.12.weight", "generator", 4)
    nz, ngf, nc = first.shape[0], last.shape[0], last.shape[1]
    _refuse_giants(path, "generator", nz=nz, ngf=ngf, nc=nc)
    return nz, ngf, nc


def _refuse_giants(path: Path, kind: str, **sides: int) -> None:
    """A tensor in a file may claim any shape with a few bytes: no network is made of that."""
    for name, side in sides.items():
        if side > WIDEST[name]:
            raise UserError(f"{path} is not a {kind} of ours: its {name} {side} is too large.")


def _tensor(path: Path, weights: Weights, name: str, kind: str, dims: int) -> torch.Tensor:
    if name not in weights:
        raise UserError(f"{path} is not a {kind}: '{name}' is missing.")
    tensor = weights[name]
    if tensor.dim() != dims or 0 in tensor.shape:
        raise UserError(
            f"{path} is not a {kind}: '{name}' has shape {tuple(tensor.shape)}, not {dims} sides."
        )
    return tensor


def _fill(path: Path, network: torch.nn.Module, weights: Weights) -> None:
    """Copy weights into the network; raises UserError naming the first key that does not fit."""
    kind = type(network).__name__.lower()
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name.endswith("num_batches_tracked"):  # PyTorch wrote none before 0.4.1
            weights.setdefault(name, tensor)
        _check_tensor(path, kind, name, _tensor(path, weights, name, kind, tensor.dim()), tensor)
    extra = sorted(set(weights) - set(wanted))
    if extra:
        raise UserError(f"{path} is not a {kind}: it has a '{extra[0][:80]}' that none has.")
    network.load_state_dict(weights)


def _check_tensor(
    path: Path, kind: str, name: str, found: torch.Tensor, wanted: torch.Tensor
) -> None:
    if found.shape != wanted.shape:
        raise UserError(
            f"{path} is not a {kind}: '{name}' has shape {tuple(found.shape)}, "
            f"not {tuple(wanted.shape)}."
        )
    if found.is_floating_point() != wanted.is_floating_point():
        raise UserError(f"{path} is not a {kind}: '{name}' holds {found.dtype} numbers.")
    if not torch.isfinite(found).all():
        raise UserError(f"{path} has values in '{name}' that are not finite: it is spoilt.")
