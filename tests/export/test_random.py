"""numpy's normal numbers in JavaScript."""

from pathlib import Path

import numpy as np
import pytest

from neuroceleb.export.bundle import asset
from neuroceleb.latent.seeds import MAX_SEED, z_from_seed, z_from_seeds
from tests.export import node, ziggurat_tables

NZ = 100
LATENTS = """
import { latentOf } from "PAGE/random.js";
import { writeFileSync } from "node:fs";
const [out, nz, ...seeds] = given;
const [first, last] = seeds[0].split("-").map(Number);
const values = new Float32Array((last - first + 1) * Number(nz));
for (let s = first; s <= last; s += 1) {
  values.set(latentOf(s, Number(nz)), (s - first) * Number(nz));
}
writeFileSync(out, Buffer.from(values.buffer));
console.log("true");
"""


def assert_as_numpy(tmp_path: Path, first: int, last: int) -> None:
    out = tmp_path / "latents.bin"
    node.run(LATENTS, out, str(NZ), f"{first}-{last}")
    found = np.fromfile(out, "<f4").reshape(-1, NZ)
    assert found.shape == (last - first + 1, NZ)
    assert np.array_equal(found, z_from_seeds(range(first, last + 1), NZ))


@node.needs_node
@pytest.mark.parametrize(
    ("first", "last"), [(0, 499), (2**32 - 2, 2**32 + 2), (MAX_SEED - 2, MAX_SEED)]
)
def test_a_seed_gives_the_numbers_of_numpy(tmp_path: Path, first: int, last: int) -> None:
    assert_as_numpy(tmp_path, first, last)


@node.needs_node
@pytest.mark.slow
def test_100_000_seeds_give_the_numbers_of_numpy(tmp_path: Path) -> None:
    assert_as_numpy(tmp_path, 0, 99_999)


@node.needs_node
def test_a_seed_out_of_range_is_refused() -> None:
    code = """
    import { latentOf } from "PAGE/random.js";
    const refused = (seed) => {
      try { latentOf(seed, 1); return ""; } catch (error) { return error.message; }
    };
    console.log(JSON.stringify([-1, 0.5, 2 ** 53, NaN].map(refused)));
    """
    assert all("A seed is a whole number from 0" in message for message in node.run(code))


def test_the_tables_are_those_of_numpy() -> None:
    assert ziggurat_tables.module() == asset("ziggurat.js")


@node.needs_node
def test_interpolation_is_that_of_the_program() -> None:
    from neuroceleb.latent.interpolation import interpolate

    code = """
    import { pointOf } from "PAGE/interpolation.js";
    import { latentOf } from "PAGE/random.js";
    const keys = [3, 14, 15].map((seed) => latentOf(seed, 100));
    console.log(JSON.stringify([0, 0.25, 1, 1.75, 2].map((at) => [...pointOf(keys, at)])));
    """
    keys = np.stack([z_from_seed(seed, NZ) for seed in (3, 14, 15)])
    expected = interpolate(keys, 9)[[0, 1, 4, 7, 8]]
    assert np.abs(np.array(node.run(code)) - expected).max() < 1e-6
