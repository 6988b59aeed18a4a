"""Export of a generator to ONNX, compared with the original.

The graph is a chain: convolutions with BatchNorm folded in, ReLU, tanh. Input `z` (N, nz), output
`images` (N, nc, 64, 64) in [-1, 1], both float32, for any N.
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
from neuroceleb.model.generator import Latents, fold_batchnorm, render, to_pixels
from neuroceleb.model.networks import Generator
from neuroceleb.settings import IMAGE_SIZE

OPSET = 17
IR_VERSION = 8  # of 2021, for older runtimes
CHECKED_COUNT = 16
MAX_DIFFERENCE = 1  # grey levels


def save(path: Path, network: Generator, config: Mapping[str, Any]) -> bool:
    """Write the generator as ONNX, whole or not at all; returns whether it was checked.

    If onnxruntime is installed, it renders 16 vectors with the model first: pixels may differ from
    the original by one grey level. Raises UserError where they differ by more (nothing is written
    then) or where onnx is not installed.
    """
    content = encode(network, config)
    runtime = _optional("onnxruntime")
    if runtime is not None:
        rng = np.random.default_rng(0)
        z = rng.standard_normal((CHECKED_COUNT, network.nz), dtype=np.float32)
        exported = _run_model(runtime, content, z)
        difference = int(np.abs(exported.astype(int) - render(network, z).astype(int)).max())
        if difference > MAX_DIFFERENCE:
            raise UserError(
                "onnxruntime renders {name} up to {difference} grey levels off: it was not "
                "written: export safetensors or pth instead.",
                name=path.name,
                difference=difference,
            )
    files.write_bytes(path, content)
    return runtime is not None


def encode(network: Generator, config: Mapping[str, Any]) -> bytes:
    """The serialized ONNX model, with `config` as JSON in its metadata.

    Raises UserError where the package onnx is not installed.
    """
    onnx = _optional("onnx")
    if onnx is None:
        raise UserError("The package onnx is missing: run 'pip install onnx onnxruntime'.")
    helper, kinds = onnx.helper, onnx.TensorProto
    unsqueeze = helper.make_node("Unsqueeze", ["z", "axes"], ["z4"])  # (N, nz, 1, 1)
    axes = onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    nodes, tensors = [unsqueeze], [axes]
    last = "z4"
    layers = list(fold_batchnorm(network))
    for index, layer in enumerate(layers):
        name = "images" if index == len(layers) - 1 else f"layer{index}"
        if isinstance(layer, nn.ConvTranspose2d):
            weights = [("weight", layer.weight), ("bias", layer.bias)]
            for kind, tensor in weights:
                assert tensor is not None
                array = np.ascontiguousarray(tensor.detach().cpu().numpy())
                tensors.append(onnx.numpy_helper.from_array(array, f"{name}.{kind}"))
            inputs = [last, f"{name}.weight", f"{name}.bias"]
            nodes.append(helper.make_node("ConvTranspose", inputs, [name], **_attributes(layer)))
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


def _attributes(layer: nn.ConvTranspose2d) -> dict[str, list[int]]:
    """The ONNX attributes of a transposed convolution."""
    assert isinstance(layer.padding, tuple)
    return {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "pads": [*layer.padding, *layer.padding],
    }


def _run_model(runtime: Any, content: bytes, z: Latents) -> Pixels:
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (images,) = session.run(["images"], {"z": z})
    return to_pixels(torch.from_numpy(images))


def _optional(name: str) -> Any:
    """The package, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
