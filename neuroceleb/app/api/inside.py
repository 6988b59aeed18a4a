"""Endpoints that look inside a model: layers, heatmap."""

import gradio as gr
import numpy as np

from neuroceleb import images
from neuroceleb.app import faces
from neuroceleb.app.api.context import Context, Record, as_file
from neuroceleb.app.api.faces import load_model
from neuroceleb.app.parameters import read_whole
from neuroceleb.errors import Message
from neuroceleb.latent.seeds import MAX_SEED, z_from_seed


def layers(
    context: Context,
    model: str,
    seed: int = faces.FIRST_SEED,
    epoch: int = -1,
    maps: int = 8,
    layer: int = 0,
    channel: int = 0,
    factor: float = 0.0,
) -> tuple[gr.FileData, list[Record]]:
    """Show the strongest maps of a generator's layers for a face, or the face with one changed.

    Returns a PNG and a record for each layer: its number, the side of its maps, how many it has,
    the shown channels, and their mean activations. The PNG has the face and a row of maps for each
    layer; with `layer`, the face as it is and with one map multiplied by `factor`.

    Args:
        model: Name of a run with kept weights.
        seed: The seed of the face.
        epoch: A kept epoch of the run; -1 for the last.
        maps: How many maps of each layer, 1 to 64.
        layer: The layer of a map to change, 1 (4x4) to 4 (32x32); 0 for none.
        channel: The map to change, from 0.
        factor: What it is multiplied by, 0 (silenced) to 10.
    """
    from neuroceleb.latent import layers as latent_layers
    from neuroceleb.latent import sheets

    read_whole(seed, Message("The seed"), 0, MAX_SEED)
    loaded = load_model(context, model, epoch)
    z = z_from_seed(seed, loaded.nz)
    found = latent_layers.of_face(loaded, z, maps)
    sheet, provenance = sheets.layers_sheet(found), {**loaded.recipe, "seed": seed}
    if layer:
        sheet = images.grid(latent_layers.scaled(loaded, z, layer, channel, [1.0, factor]), 2)
        provenance |= {"layer": layer, "map": channel, "factor": factor}
    path = context.new_file(f"layers_seed_{seed:04d}.png")
    images.save(path, sheet, provenance)
    return as_file(path), [
        {
            "layer": one.layer,
            "side": one.maps.shape[1],
            "total": one.total,
            "channels": list(one.channels),
            "means": [round(mean, 6) for mean in one.means],
        }
        for one in found.layers
    ]


def heatmap(
    context: Context,
    model: str,
    seed: int = faces.FIRST_SEED,
    epoch: int = -1,
    samples: int = 32,
    steps: int = 10,
) -> tuple[gr.FileData, Record]:
    """Show what a run's discriminator answers to a face, and which regions speak for fake.

    Returns a PNG and a record. The PNG has the face, the heat map (red for fake, blue for real),
    and the face after each step of G's gradient on its z. The record has D's `answer`, the
    probability that the face is a photo, its `logit`, and the `answers` before and after each step.

    Args:
        model: Name of a run with kept weights and a discriminator.
        seed: The seed of the face.
        epoch: A kept epoch of the run; -1 for the last.
        samples: Noisy copies that the gradient is averaged over, 0 to 256.
        steps: Steps of G's gradient, 1 to 100.
    """
    from neuroceleb.latent import heatmap as latent_heatmap
    from neuroceleb.latent import model_cache

    read_whole(seed, Message("The seed"), 0, MAX_SEED)
    loaded = load_model(context, model, epoch)
    discriminator = model_cache.require_discriminator(loaded, model)
    z = z_from_seed(seed, loaded.nz)
    face = loaded.images(z[None])[0]
    heat = latent_heatmap.explain(discriminator, face, samples)
    way = list(latent_heatmap.improve(loaded, discriminator, z, steps))
    cells = np.stack([face, heat.picture(face), *(one.face for one in way[1:])])
    path = context.new_file(f"heatmap_seed_{seed:04d}.png")
    images.save(path, images.grid(cells), {**loaded.recipe, "seed": seed})
    return as_file(path), {
        "answer": round(heat.answer, 6),
        "logit": round(heat.logit, 6),
        "answers": [round(one.answer, 6) for one in way],
    }
