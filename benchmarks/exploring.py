"""Explore: what it finds in a model, and what it costs.

    python benchmarks/exploring.py [--model checkpoints/RUN/netG_epoch_029.safetensors] [--faces 12]
                                   [--photos DATASET]

Projection is tried on held-out generated faces (seeds from 1,000,000 on, which are among no starts)
and on a portrait of an astronaut (NASA, from scikit-image); without the limit by the clock, so that
the figures are those of a machine that is not busy. Times are of the processor and of the clock.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
COARSE = 5  # frames a direction that come with the face, see app/tabs/explore
sys.path.insert(0, str(ROOT))

from neuroceleb import images  # noqa: E402
from neuroceleb.data import dataset  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402
from neuroceleb.latent import face_map, model_cache, projection, projection_target, sheets  # noqa: E402
from neuroceleb.latent.directions import find_directions  # noqa: E402
from neuroceleb.latent.seeds import z_from_seed, z_from_seeds  # noqa: E402
from neuroceleb.metrics import memorization  # noqa: E402
from neuroceleb.model import generator  # noqa: E402
from neuroceleb.model.generator import Model  # noqa: E402
from neuroceleb.runs.workspace import Workspace  # noqa: E402

SHIPPED = ROOT / "checkpoints" / "celeba-mini-classic" / "netG_epoch_029.safetensors"
HELD_OUT = 1_000_000
NO_LIMIT_S = 3_600.0
PAIRS = 200


def main() -> None:
    """Print one line a figure, and all of them as JSON last."""
    parser = argparse.ArgumentParser(description="Measure Explore.")
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--faces", type=int, default=12)
    parser.add_argument("--steps", type=int, default=projection.STEPS)
    parser.add_argument("--photos", help="A dataset, to look for copies of.")
    options = parser.parse_args()
    model = generator.load(options.model)
    figures = {
        "directions": measure_directions(model),
        "sliders": measure_sliders(model),
        "projection": measure_projection(model, options.faces, options.steps),
        "astronaut": measure_astronaut(model, options.steps),
        "map": measure_map(model),
    }
    if options.photos:
        figures["copies"] = measure_copies(model, options.photos)
    for name, found in figures.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()))
    print(json.dumps(figures))


def measure_directions(model: Model) -> dict[str, object]:
    """The shares that ten directions explain, and the time to find them."""
    with timed() as times:
        found = find_directions(model.network)
    shares = [round(direction.explains, 4) for direction in found]
    return {"shares": shares, "together": round(sum(shares), 4), **times}


def measure_sliders(model: Model) -> dict[str, object]:
    """A face chosen: the time to its picture and coarse frames, and to the fine ones; bytes."""
    steps = [direction.step for direction in model_cache.compute_directions(model)]
    z = z_from_seed(1, model.nz)
    model.images(z[None])
    figures: dict[str, object] = {}
    for name, columns in (("coarse", COARSE), ("fine", sheets.FRAMES)):
        with timed() as times:
            traversals = sheets.traversals(z, steps, [0.0] * len(steps), columns)
            frames = model.images(np.concatenate([z[None], traversals]))
            sheet = images.sprite(frames[1:], columns, ".jpg")
        figures |= {f"{name}_frames": len(traversals), f"{name}_kilobytes": len(sheet) // 1_000}
        figures |= {f"{name}_{key}": value for key, value in times.items()}
    return figures


def measure_projection(model: Model, count: int, steps: int) -> dict[str, object]:
    """How well held-out faces of the model are found again; beside it, faces by chance."""
    z = z_from_seeds(range(HELD_OUT, HELD_OUT + count), model.nz)
    levels, cosines = [], []
    with timed() as times:
        for one, face in zip(z, model.images(z), strict=True):
            found = last_of(search(model, face, steps))
            levels.append(found.pixel_error)
            cosines.append(cosine(one, found.z))
    return {
        "n": count,
        "levels": spread(levels),
        "cosine": spread(cosines),
        "levels_of_two_by_chance": spread(by_chance(model)),
        "seconds_each": round(float(str(times["seconds"])) / count, 2),
        "cpu_seconds_each": round(float(str(times["cpu_seconds"])) / count, 2),
    }


def measure_astronaut(model: Model, steps: int) -> dict[str, object]:
    """A photo of somebody whom the model never saw, from its bytes to z."""
    from skimage import data

    photo = images.encode(np.asarray(data.astronaut()))
    with timed() as times:
        [crop] = projection_target.crops(photo)
        found = last_of(search(model, crop, steps))
    return {"levels": round(found.pixel_error, 1), **times}


def measure_map(model: Model) -> dict[str, object]:
    """Four hundred faces drawn and laid out twice."""
    with timed() as times:
        faces = model.images(z_from_seeds(range(face_map.DEFAULT_FACES), model.nz))
        drawn = face_map.compute(faces)
    return {"faces": len(faces), "pca_explains": round(drawn.explained, 3), **times}


def measure_copies(model: Model, named: str) -> dict[str, object]:
    """The share of suspected copies among faces of the model and among planted copies."""
    workspace = Workspace(ROOT)
    loaded = dataset.load(dataset.locate(named, workspace.datasets), workspace.datasets)
    with timed() as times:
        check = memorization.CopyCheck(loaded.pixels)
        comparisons = check.compare(model_cache.sample(model))
    noise = np.random.default_rng(0).normal(0, 4, (100, 64, 64, 3))
    copies = np.clip(check.photos[:100] + noise, 0, 255).astype(np.uint8)
    planted = check.compare(copies)
    return {
        "photos": len(check),
        "suspects": memorization.share_of_suspects(comparisons),
        "nearest_to_faces": spread([one.distances[0] for one in comparisons]),
        "nearest_to_photos": spread(check.real.nearest.tolist()),
        "planted_found": memorization.share_of_suspects(planted),
        **times,
    }


def search(model: Model, face: Pixels, steps: int) -> Iterator[projection.Step]:
    discriminator = model_cache.discriminator_of(model)
    return projection.search(model.network, discriminator, face, steps=steps, seconds=NO_LIMIT_S)


def last_of(steps: Iterator[projection.Step]) -> projection.Step:
    for step in steps:
        last = step
    return last


def by_chance(model: Model) -> list[float]:
    """How much two faces of the model differ, in grey levels."""
    faces = model.images(z_from_seeds(range(2 * PAIRS), model.nz)).astype(np.float64)
    squares = np.square(faces[:PAIRS] - faces[PAIRS:]).mean(axis=(1, 2, 3))
    return list(np.sqrt(squares))


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def spread(values: list[float]) -> str:
    """Median, and the least and greatest."""
    return f"{np.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


@contextmanager
def timed() -> Iterator[dict[str, object]]:
    """Seconds of the clock and of the processor, there when the block has ended."""
    times: dict[str, object] = {}
    clock, processor = time.monotonic(), time.process_time()
    yield times
    times["seconds"] = round(time.monotonic() - clock, 2)
    times["cpu_seconds"] = round(time.process_time() - processor, 2)


if __name__ == "__main__":
    main()
