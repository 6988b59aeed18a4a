"""A generator as an ONNX file, for runtimes without PyTorch; checked against the original.

The graph is written by hand, for it is a chain: convolutions with BatchNorm folded in, ReLU, tanh.
Input `z` (N, nz), output `images` (N, nc, 64, 64) in [-1, 1], both float32, N free.
"""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from neuroceleb import files
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.model import folded
from neuroceleb.model.generator import Latents, render, to_pixels
from neuroceleb.model.networks import Generator
from neuroceleb.settings import IMAGE_SIZE

OPSET = 17
IR_VERSION = 8  # of 2021: what runtimes of these years all read
CHECKED_VECTORS = 16
MAX_LEVELS_APART = 1


def save(path: Path, network: Generator, config: Mapping[str, Any]) -> bool:
    """Write the generator as ONNX, whole or not at all; whether it could be checked.

    Where onnxruntime is installed, it draws 16 seeds with the file first: at no pixel more than
    one grey level from the original, or nothing is written. Raises UserError where that fails, or
    onnx is not installed.
    """
    content = encode(network, config)
    runtime = _optional("onnxruntime")
    if runtime is not None:
        rng = np.random.default_rng(0)
        z = rng.standard_normal((CHECKED_VECTORS, network.nz), dtype=np.float32)
        drawn = _draw(runtime, content, z)
        apart = int(np.abs(drawn.astype(int) - render(network, z).astype(int)).max())
        if apart > MAX_LEVELS_APART:
            raise UserError(
                f"onnxruntime draws with {path.name} up to {apart} grey levels off, so it was not "
                "written: export safetensors or pth instead."
            )
    files.write_bytes(path, content)
    return runtime is not None


def encode(network: Generator, config: Mapping[str, Any]) -> bytes:
    """The ONNX model; `config` goes into its metadata as JSON. Raises UserError."""
    onnx = _optional("onnx")
    if onnx is None:
        raise UserError("The package onnx is missing: run 'pip install onnx onnxruntime'.")
    helper, kinds = onnx.helper, onnx.TensorProto
    shape = helper.make_node("Unsqueeze", ["z", "sides"], ["z4"])  # (N, nz, 1, 1)
    sides = onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "sides")
    nodes, tensors = [shape], [sides]
    last = "z4"
    layers = list(folded.fold(network))
    for place, layer in enumerate(layers):
        name = "images" if place == len(layers) - 1 else f"layer{place}"
        if isinstance(layer, nn.ConvTranspose2d):
            weights = [("weight", layer.weight), ("bias", layer.bias)]
            for kind, tensor in weights:
                assert tensor is not None
                plain = np.ascontiguousarray(tensor.detach().cpu().numpy())
                tensors.append(onnx.numpy_helper.from_array(plain, f"{name}.{kind}"))
            inputs = [last, f"{name}.weight", f"{name}.bias"]
            nodes.append(helper.make_node("ConvTranspose", inputs, [name], **_shape_of(layer)))
        else:
            nodes.append(helper.make_node(_OPERATORS[type(layer)], [last], [name]))
        last = name
    z = helper.make_tensor_value_info("z", kinds.FLOAT, ["N", network.nz])
    images = helper.make_tensor_value_info(
        "images", kinds.FLOAT, ["N", network.nc, IMAGE_SIZE, IMAGE_SIZE]
    )
    graph = helper.make_graph(nodes, "generator", [z], [images], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    model.producer_name = "neuroceleb"
    helper.set_model_props(model, {"neuroceleb": json.dumps(dict(config), ensure_ascii=False)})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


_OPERATORS: dict[type[nn.Module], str] = {nn.ReLU: "Relu", nn.Tanh: "Tanh"}


def _shape_of(layer: nn.ConvTranspose2d) -> dict[str, list[int]]:
    """How a convolution passes over its input, in ONNX's words."""
    assert isinstance(layer.padding, tuple)
    return {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "pads": [*layer.padding, *layer.padding],
    }


def _draw(runtime: Any, content: bytes, z: Latents) -> Pixels:
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (images,) = session.run(["images"], {"z": z})
    return to_pixels(torch.from_numpy(images))


def _optional(name: str) -> Any:
    """A package that is needed here only, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
