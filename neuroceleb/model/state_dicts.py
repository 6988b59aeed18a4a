"""Finding a network's state dict in the forms in which people save one.

A file may hold the state dict alone, or a checkpoint that holds it under any name, beside
optimizers and other networks; its keys may have the prefixes of DataParallel, torch.compile,
AveragedModel or a LightningModule, miss the prefix `main.`, or be those of PyTorch's DCGAN example
of 2017 (`main.pyramid:512-256:convt.weight`).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from neuroceleb.errors import UserError

Weights = dict[str, torch.Tensor]

MAX_LAYER = 27
MAX_DEPTH = 4  # of dictionaries in dictionaries
_WRAPPERS = {"module", "_orig_mod"}  # DataParallel and AveragedModel; torch.compile
_COUNTERS = {"n_averaged"}  # of AveragedModel
_AVERAGED = re.compile(r"ema|averag|avg|shadow", re.IGNORECASE)
_OF_2017 = re.compile(
    r"(?P<before>.*?)main\.(?P<part>initial|pyramid|final)[.:_](?P<channels>\d+)(?:-\d+)?[.:_]"
    r"(?P<kind>convt?|batchnorm)\.(?P<name>\w+)"
)


def find(value: Any, network: str, path: Path) -> Weights:
    """The state dict of a `network`, "generator" or "discriminator", with keys `main.0.weight` ….

    `path` is the file that the value is from. If there are several, an averaged one (EMA) is
    taken. If none looks like it, the first of another kind, or {} where the value holds no network.
    Raises UserError where several are left.
    """
    found = [
        (names, weights)
        for names, tensors in _dictionaries(value)
        for names, weights in _networks(names, tensors)
    ]
    fitting = [(names, weights) for names, weights in found if kind_of(weights) == network]
    averaged = [(names, weights) for names, weights in fitting if _AVERAGED.search(names)]
    chosen = averaged or fitting
    if len(chosen) > 1:
        raise UserError(
            "{path} holds several networks ({names}): save the state dict of one of them alone.",
            path=path,
            names=", ".join(names[:40] or "-" for names, _ in chosen[:4]),
        )
    return (chosen or found or [("", {})])[0][1]


def kind_of(weights: Mapping[str, torch.Tensor]) -> str:
    """ "generator" (BatchNorm follows its first layer), "discriminator", or ""."""
    if "main.0.weight" not in weights:
        return ""
    if "main.1.weight" in weights:
        return "generator"
    return "discriminator" if "main.2.weight" in weights else ""


def image_size(weights: Mapping[str, torch.Tensor]) -> int | None:
    """The side in pixels of a DCGAN generator's images, by its number of layers; None if unclear.

    4 pixels after the first convolution, twice as many after each other, every third layer.
    """
    numbers = [int(match[1]) for key in weights if (match := re.match(r"main\.(\d{1,3})\.", key))]
    last = max(numbers, default=0)
    weight = weights.get(f"main.{last}.weight")
    if last % 3 or not 3 <= last <= MAX_LAYER or weight is None or weight.dim() != 4:
        return None
    return int(4 * 2 ** (last // 3))


def _dictionaries(value: Any, names: str = "", depth: int = 0) -> Iterator[tuple[str, Weights]]:
    """Every dictionary in a value that holds tensors, with the names that lead to it."""
    if not isinstance(value, Mapping) or depth > MAX_DEPTH:
        return
    named = {key: item for key, item in value.items() if isinstance(key, str)}
    tensors = {key: item for key, item in named.items() if isinstance(item, torch.Tensor)}
    if tensors:
        yield names, tensors
    for key, item in named.items():
        yield from _dictionaries(item, f"{names}.{key}" if names else key, depth + 1)


def _networks(names: str, tensors: Weights) -> Iterator[tuple[str, Weights]]:
    """The networks whose tensors lie side by side, by the prefix of their names.

    A tensor that belongs to no layer `main.N` stays with every network whose prefix it has, so that
    a network with more layers than ours is refused.
    """
    groups: dict[tuple[str, ...], Weights] = {}
    others: list[tuple[list[str], torch.Tensor]] = []
    for key, tensor in _with_numbers(tensors).items():
        parts = [part for part in key.split(".") if part not in _WRAPPERS]
        if parts[-1] in _COUNTERS:
            continue
        split = _first_layer_part(parts)
        if split is None:
            others.append((parts, tensor))
            continue
        prefix, rest = tuple(parts[:split]), [part for part in parts[split:] if part != "main"]
        groups.setdefault(prefix, {})[".".join(["main", *rest])] = tensor
    for prefix, weights in groups.items():
        extra = {
            ".".join(parts): tensor
            for parts, tensor in others
            if tuple(parts[: len(prefix)]) == prefix
        }
        yield ".".join(filter(None, [names, *prefix])), weights | extra


def _first_layer_part(parts: list[str]) -> int | None:
    """Where `main.N` or N begins among the parts of a key; None if it has neither."""
    if "main" in parts:
        return parts.index("main")
    return next((index for index, part in enumerate(parts[:-1]) if part.isdecimal()), None)


def _with_numbers(tensors: Weights) -> Weights:
    """With the names of 2017 replaced by the numbers of the layers."""
    matches = {key: match for key in tensors if (match := _OF_2017.fullmatch(key))}
    pyramid = {int(m["channels"]) for m in matches.values() if m["part"] == "pyramid"}
    is_generator = any(match["kind"] == "convt" for match in matches.values())
    return {
        key
        if key not in matches
        else _numbered(matches[key], sorted(pyramid, reverse=is_generator), is_generator): tensor
        for key, tensor in tensors.items()
    }


def _numbered(match: re.Match[str], pyramid: list[int], is_generator: bool) -> str:
    """The present name of a key of 2017.

    `pyramid` holds the channels that its layers' names begin with, in order: a convolution's are
    its input's, and those of the BatchNorm after it are the next.
    """
    is_norm = match["kind"] == "batchnorm"
    step = 0
    if match["part"] == "pyramid":
        step = pyramid.index(int(match["channels"])) + (0 if is_norm else 1)
    if match["part"] == "final":
        step = max(1, len(pyramid))
    first = 0 if is_generator else -1  # a discriminator has no BatchNorm after its first layer
    number = 3 * step + (first if step else 0) + is_norm
    return f"{match['before']}main.{number}.{match['name']}"
