"""The generator of the exported page, in WebAssembly and in JavaScript."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from neuroceleb.export import html
from neuroceleb.export.bundle import PAGE
from neuroceleb.latent.seeds import z_from_seeds
from neuroceleb.model.generator import render
from tests import helpers
from tests.export import node

SEEDS = range(6)
FACES = """
import { Generator } from "PAGE/generator.js";
import { latentOf } from "PAGE/random.js";
import { readFileSync, writeFileSync } from "node:fs";
const [model, kernel, out] = given;
const generator = new Generator(JSON.parse(readFileSync(model, "utf8")), kernel);
const face = (seed) => Buffer.from(generator.face(latentOf(seed, generator.nz)));
writeFileSync(out, Buffer.concat([0, 1, 2, 3, 4, 5].map(face)));
console.log(JSON.stringify(generator.kernel.name));
"""


@node.needs_node
@pytest.mark.parametrize("kernel", ["wasm", "script"])
@pytest.mark.parametrize(("nz", "ngf"), [(100, 16), (8, 4), (7, 6), (5, 3)])
def test_faces_are_those_of_pytorch(tmp_path: Path, kernel: str, nz: int, ngf: int) -> None:
    network = helpers.random_generator(nz=nz, ngf=ngf)
    model, out = tmp_path / "model.json", tmp_path / "faces.bin"
    model.write_text(json.dumps(html.encode_model(network)))
    assert node.run(FACES, model, kernel, out) == kernel
    found = np.fromfile(out, np.uint8).reshape(-1, 64, 64, 4)
    assert (found[..., 3] == 255).all()
    expected = render(network, z_from_seeds(SEEDS, nz))
    assert expected.std() > 5
    assert np.abs(found[..., :3].astype(int) - expected).max() <= 1


@node.needs_node
def test_weights_of_24_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "BITS", (24,))
    network = helpers.random_generator()
    model, out = tmp_path / "model.json", tmp_path / "faces.bin"
    model.write_text(json.dumps(html.encode_model(network)))
    node.run(FACES, model, "wasm", out)
    found = np.fromfile(out, np.uint8).reshape(-1, 64, 64, 4)[..., :3].astype(int)
    assert np.abs(found - render(network, z_from_seeds(SEEDS, 8))).max() <= 1


@node.needs_node
def test_without_webassembly_the_faces_are_computed_in_javascript(tmp_path: Path) -> None:
    model, out = tmp_path / "model.json", tmp_path / "faces.bin"
    model.write_text(json.dumps(html.encode_model(helpers.random_generator())))
    code = "delete globalThis.WebAssembly; console.info = () => {};\n" + FACES
    assert node.run(code, model, "wasm", out) == "script"


def test_the_compiled_kernel_is_that_of_its_source(tmp_path: Path) -> None:
    clang = shutil.which("clang")
    if clang is None or shutil.which("wasm-ld") is None:
        pytest.skip("clang and lld are not installed")
    version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True)
    if "version 14." not in version.stdout:
        pytest.skip("kernel.wasm was built with clang 14")
    out = tmp_path / "kernel.wasm"
    subprocess.run(["bash", PAGE / "build_kernel.sh", out], check=True)
    assert out.read_bytes() == (PAGE / "kernel.wasm").read_bytes()
