"""A model as one HTML file that generates faces in any browser, without a network.

The file holds the generator (convolutions in float16, BatchNorm as a scale and a shift of each
channel), a WebAssembly kernel for its convolutions, numpy's random numbers in JavaScript, the
directions of its latent space, the sample sheets and figures of its run, and its model card; no
training photo. The page itself is in `page/`.
"""

import base64
import copy
import dataclasses
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neuroceleb import __version__, files
from neuroceleb.errors import UserError
from neuroceleb.export.bundle import PAGE, asset, bundle
from neuroceleb.export.card import Card, card_of
from neuroceleb.export.film import film
from neuroceleb.latent import directions, saved_directions
from neuroceleb.latent.saved_directions import Direction
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model import checkpoint
from neuroceleb.model.generator import render
from neuroceleb.model.networks import Generator
from neuroceleb.runs import charts, evaluation, verdict
from neuroceleb.runs.run import Run

MAX_BYTES = 17_000_000  # of the file of a generator of the usual width; wider ones take more
MIN_FILM_BYTES = 1_000_000
CHECKED_FACES = 64
MAX_DIFFERENCE = 1  # grey levels, between the weights as they are and rounded
BITS = (16, 24)  # of a rounded weight

_PLACE = re.compile(r"\{(title|style|data|weights|worker|script)\}")


@dataclass(frozen=True)
class Content:
    """What an HTML file holds besides the generator."""

    card: Card
    sha256: str
    directions: Sequence[Direction]
    film: dict[int, bytes]
    stats: charts.Stats
    best: int | None


def save(out: Path, weights: Path, run: Run | None = None) -> int:
    """Write the generator of `weights` as an HTML file, whole or not at all; returns its size.

    `run` is the run it belongs to, whose sheets, figures and facts come along. Raises UserError
    where the weights cannot be used.
    """
    network, config = checkpoint.load_generator(weights)
    model = encode_model(network)
    content = _content(weights, network, card_of(weights, network, config, run), run)
    page = build(model, content)
    left = MAX_BYTES - len(page)
    if run is not None:
        sheets = film(run.sheets(), max(left, MIN_FILM_BYTES) * 3 // 4 - 40 * len(run.sheets()))
        page = build(model, dataclasses.replace(content, film=sheets))
    files.write_bytes(out, page)
    return len(page)


def _content(weights: Path, network: Generator, card: Card, run: Run | None) -> Content:
    """All but the film."""
    with weights.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    found = saved_directions.read(weights, sha256, network.nz)
    if found is None:
        found = directions.find_directions(network)
    stats: charts.Stats = []
    if run is not None:
        stats = charts.with_evaluations(run.stats(), evaluation.readable(run.path))
    best = charts.best_epoch(stats)
    return Content(card, sha256, found, {}, stats, None if best is None else best.epoch)


def build(model: dict[str, Any], content: Content) -> bytes:
    """The HTML file of a model of `encode_model`."""
    data = {
        "version": __version__,
        "sha256": content.sha256,
        "card": dataclasses.asdict(content.card),
        "model": {key: value for key, value in model.items() if key != "weights"},
        "directions": [_direction(direction) for direction in content.directions],
        "film": [{"epoch": epoch, "sheet": _text(sheet)} for epoch, sheet in content.film.items()],
        "epochs": len(content.stats),
        "stats": _charts(content.stats),
        "verdict": _verdict(content.stats),
        "best": content.best,
    }
    parts = {
        "title": html.escape(content.card.name),
        "style": asset("style.css"),
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
        "weights": model["weights"],
        "worker": bundle("worker"),
        "script": bundle("main"),
    }
    page = _PLACE.sub(lambda match: parts[match[1]], asset("page.html"))
    return page.encode("utf-8", "replace")


def _direction(direction: Direction) -> dict[str, Any]:
    step = [round(float(value), 6) for value in direction.step]
    return {"name": direction.name, "explains": round(direction.explains, 6), "step": step}


def _charts(stats: charts.Stats) -> dict[str, Any]:
    """The charts with their values, and the epochs on their x axis."""
    drawn = []
    for chart in charts.charts_of(stats):
        lines = [
            dataclasses.asdict(line) | {"values": charts.values(stats, line.key)}
            for line in chart.lines
        ]
        drawn.append({"id": chart.id, "low": chart.low, "high": chart.high, "lines": lines})
    seen = charts.values(stats, "images_seen")
    return {"epochs": [row["epoch"] for row in stats], "seen": seen, "charts": drawn}


def _verdict(stats: charts.Stats) -> dict[str, Any] | None:
    found = verdict.judge(stats)
    if found is None:
        return None
    return {"kind": found.kind, "epochs": found.epochs, "figures": found.figures}


# The generator -----------------------------------------------------------------------------


def encode_model(network: Generator) -> dict[str, Any]:
    """A generator as the page reads it (`ModelData` in page/generator.js); arrays in base64.

    The weights are float16, or 24 bits of float32 where faces would change by more than
    MAX_DIFFERENCE grey levels. Raises UserError where they do even so.
    """
    bits, rounded = _rounded(network)
    weights, scales, shifts = [], [], []
    layers = [layer for layer in rounded.main if not isinstance(layer, nn.ReLU | nn.Tanh)]
    for convolution, norm in zip(layers[::2], [*layers[1::2], None], strict=True):
        assert isinstance(convolution, nn.ConvTranspose2d)
        weights.append(_numbers(convolution.weight).ravel())
        scale, shift = _scale_and_shift(convolution.out_channels, norm)
        scales.append(scale)
        shifts.append(shift)
    return {
        "nz": network.nz,
        "channels": [len(scale) for scale in scales],
        "bits": bits,
        "weights": _text(_packed(np.concatenate(weights), bits)),
        "scales": _text(np.concatenate(scales).astype("<f8").tobytes()),
        "shifts": _text(np.concatenate(shifts).astype("<f4").tobytes()),
        "kernel": _text((PAGE / "kernel.wasm").read_bytes()),
    }


def _rounded(network: Generator) -> tuple[int, Generator]:
    """The least of BITS whose weights give the same faces, and a copy with these weights."""
    z = z_from_seeds(range(CHECKED_FACES), network.nz)
    expected = render(network, z).astype(int)
    difference = 0
    for bits in BITS:
        rounded = copy.deepcopy(network).float()
        for layer in rounded.main:
            if isinstance(layer, nn.ConvTranspose2d):
                weight = _round(_numbers(layer.weight), bits)
                layer.weight = nn.Parameter(torch.from_numpy(weight))
        difference = int(np.abs(render(rounded, z).astype(int) - expected).max())
        if difference <= MAX_DIFFERENCE:
            return bits, rounded
    raise UserError(
        "With weights of 24 bits the faces of this model are up to {levels} grey levels off: "
        "export safetensors or onnx instead.",
        levels=difference,
    )


def _round(weights: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """To the nearest number that these bits hold."""
    if bits == 16:
        with np.errstate(over="ignore"):  # an infinite weight makes other faces
            return weights.astype(np.float16).astype(np.float32)
    whole = weights.view(np.uint32)
    up = np.uint32(0x7F) + (whole >> 8 & 1)  # half to even
    return ((whole + up) & np.uint32(0xFFFFFF00)).view(np.float32)


def _packed(weights: NDArray[np.float32], bits: int) -> bytes:
    """Rounded weights as little-endian float16, or as the upper 3 bytes of float32."""
    if bits == 16:
        return weights.astype("<f2").tobytes()
    whole = weights.astype("<f4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(whole[:, 1:]).tobytes()


def _scale_and_shift(
    channels: int, norm: nn.Module | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What BatchNorm multiplies each channel with in eval mode, and adds; see `fold_batchnorm`."""
    if norm is None:
        return np.ones(channels), np.zeros(channels)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * scale
    return _numbers(scale), _numbers(shift)


def _numbers(tensor: torch.Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
