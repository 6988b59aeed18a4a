"""Look inside: what it costs, and how far its rankings and heat maps can be trusted.

    python benchmarks/inside.py [--run checkpoints/celeba-mini] [--faces 8] [--steps 100]
                                [--photos DATASET] [--preset one_face] [--sheet faces.png]

Times are of the processor, and of the clock where named. With --preset (or `none`) a sandbox is
trained for --steps steps, on --photos or on generated faces; --sheet then shows the sixteen faces
at some of the steps.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from neuroceleb import images  # noqa: E402
from neuroceleb.data import dataset  # noqa: E402
from neuroceleb.images import Pixels  # noqa: E402
from neuroceleb.latent import heatmap, layers, model_cache  # noqa: E402
from neuroceleb.latent.seeds import z_from_seeds  # noqa: E402
from neuroceleb.model import generator  # noqa: E402
from neuroceleb.model.generator import Model  # noqa: E402
from neuroceleb.model.networks import Discriminator  # noqa: E402
from neuroceleb.runs.run import Run  # noqa: E402
from neuroceleb.runs.workspace import Workspace  # noqa: E402
from neuroceleb.training.sandbox_start import (  # noqa: E402
    DATASET,
    FACES,
    PRESETS,
    RealFaces,
    open_sandbox,
    real_faces,
)

SHIPPED = ROOT / "checkpoints" / "celeba-mini"
RANKED = 96  # maps of a layer
CELL = 8  # pixels, side of what is covered
SHOWN_STEPS = (0, 5, 20, 50, 100, 150, 200)

Floats = NDArray[np.float32]


def main() -> None:
    """Print one line a figure, and all of them as JSON last."""
    parser = argparse.ArgumentParser(description="Measure what shows the inside of a run.")
    parser.add_argument("--run", type=Path, default=SHIPPED)
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--preset", choices=["none", *PRESETS])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--photos", type=Path, help="A folder or zip of faces for the sandbox.")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    run = Run(options.run.resolve())
    if options.preset:
        figures = measure_sandbox(run, options)
    else:
        figures = measure_model(run, z_from_seeds(range(options.faces), _model(run).nz))
    for name, found in figures.items():
        print(f"{name}: {found}")
    print(json.dumps(figures))


def _model(run: Run) -> Model:
    return generator.load(run.weights())


def measure_model(run: Run, z: Floats) -> dict[str, object]:
    """Times in CPU ms, and rank correlations, over the faces of z (N, nz)."""
    model = _model(run)
    discriminator = model_cache.discriminator_of(model)
    assert discriminator is not None, "the run has no discriminator"
    faces = model.images(z)
    layers.of_face(model, z[0])
    return {
        "of_face_ms": cpu_ms(lambda i: layers.of_face(model, z[i]), len(z)),
        "of_face_clock_ms": cpu_ms(
            lambda i: layers.of_face(model, z[i]), len(z), time.perf_counter
        ),
        "scaled_ms": cpu_ms(lambda i: layers.scaled(model, z[i], 1, 0, [0.0]), len(z)),
        "explain_ms": cpu_ms(lambda i: heatmap.explain(discriminator, faces[i]), len(z)),
        "epochs_ms": cpu_ms(lambda _: list(layers.through_epochs(run.kept(), z[0])), 3),
        "ranking": {n: rank_agreement(model, z[0], n) for n in range(1, layers.LAYERS + 1)},
        "occlusion": [round(occlusion_agreement(discriminator, face), 3) for face in faces],
        "improve": [answers_of_improvement(model, discriminator, one) for one in z],
    }


def cpu_ms(
    function: Callable[[int], object], count: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """The least, median and greatest time of the processor, or of another clock."""
    times = []
    for index in range(count):
        started = clock()
        function(index)
        times.append(1e3 * (clock() - started))
    return [round(float(value), 1) for value in np.quantile(times, [0, 0.5, 1])]


def rank_agreement(model: Model, z: Floats, layer: int) -> float:
    """Spearman's correlation of mean activation and effect, over up to RANKED maps of a layer."""
    total = layers.of_face(model, z, 1).layers[layer - 1].total
    chosen = np.random.default_rng(0).choice(total, min(total, RANKED), replace=False).tolist()
    activations = layers._activations(model.layers, z, layer)[-1][0, chosen]
    means = activations.mean((1, 2)).numpy()
    return round(float(spearmanr(means, layers.effects(model, z, layer, chosen))[0]), 3)


def occlusion_agreement(discriminator: Discriminator, face: Pixels) -> float:
    """Spearman's correlation of relevance and covering with grey, over cells of the face."""
    found = heatmap.explain(discriminator, face)
    side = len(face) // CELL
    covered = np.repeat(face[None], side * side, axis=0)
    for cell, image in enumerate(covered):
        top, left = (CELL * number for number in divmod(cell, side))
        image[top : top + CELL, left : left + CELL] = 127
    answers = torch.from_numpy(heatmap.answers(discriminator, covered)).double()
    rise = torch.logit(answers, 1e-9).numpy() - found.logit  # covering what speaks for fake
    cells = found.relevance.reshape(side, CELL, side, CELL).sum((1, 3)).ravel()
    return float(spearmanr(cells, rise)[0])


def answers_of_improvement(
    model: Model, discriminator: Discriminator, z: Floats
) -> tuple[float, float, float]:
    """D's answer before and after ten steps, and by how many grey levels the pixels moved."""
    steps = list(heatmap.improve(model, discriminator, z))
    return round(steps[0].answer, 3), round(steps[-1].answer, 3), round(steps[-1].moved, 1)


def measure_sandbox(run: Run, options: argparse.Namespace) -> dict[str, object]:
    """Variety, figures and times of a sandbox that is trained with a preset."""
    preset = None if options.preset == "none" else options.preset
    real = real_faces(run, Workspace(run.path.parents[1]))
    if options.photos:
        pixels = dataset.load(options.photos, run.path.parents[1] / "datasets").pixels
        chosen = np.random.default_rng(0).choice(len(pixels), min(FACES, len(pixels)), False)
        real = RealFaces(np.ascontiguousarray(pixels[chosen]), DATASET)
    box = open_sandbox(run, real, preset=preset)
    rows, shown, times, waits = [], [box.look()], [], []
    while shown[-1].step < options.steps:
        started, began = time.process_time(), time.perf_counter()
        (step,) = box.train(1)
        times.append(1e3 * (time.process_time() - started))
        waits.append(1e3 * (time.perf_counter() - began))
        rows.append({"step": step.step, "variety": step.variety, **step.figures})
        if step.verdict is not None:
            rows[-1]["verdict"] = str(step.verdict.sentence)
        shown = [*shown[:-1], step] if shown[-1].step not in SHOWN_STEPS else [*shown, step]
    if options.sheet:
        faces = np.concatenate([one.faces for one in shown])
        images.save(options.sheet, images.grid(faces, len(shown[0].faces)))
    return {
        "origin": real.origin,
        "step_ms": np.quantile(times, [0, 0.5, 1]).tolist(),
        "step_clock_ms": np.quantile(waits, [0, 0.5, 1]).tolist(),
        "rows": rows,
    }


if __name__ == "__main__":
    main()
