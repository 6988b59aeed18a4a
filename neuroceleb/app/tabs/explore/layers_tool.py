"""Through the layers: the strongest maps of G's layers for the face, and one of them changed."""

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from neuroceleb import images
from neuroceleb.app.api.context import Context
from neuroceleb.app.catalogue import label
from neuroceleb.app.components.layer_maps import LayerMaps
from neuroceleb.app.components.text import Text
from neuroceleb.app.listeners import bind_server_function
from neuroceleb.app.look_inside import THROUGH_THE_LAYERS
from neuroceleb.app.parameters import read_object, read_whole
from neuroceleb.app.payloads import data_url
from neuroceleb.app.shared import Shared
from neuroceleb.app.tabs.explore import current
from neuroceleb.app.tabs.explore.current import Current, Json
from neuroceleb.errors import Message
from neuroceleb.images import Pixels
from neuroceleb.runs.run import Run
from neuroceleb.spacing import evenly_spaced

if TYPE_CHECKING:
    from neuroceleb.latent.layers import FaceLayers

CELL_PX = 32  # of a map in a sprite: the side of the largest
EPOCHS = 64
PIECE = 4  # epochs that are sent at a time
FACTORS = tuple(step / 4 for step in range(17))  # 0 to 4


def build(shared: Shared, face: gr.Textbox, of_layers: gr.Textbox) -> None:
    """The panel; it is drawn when `of_layers` changes."""
    Text(label(THROUGH_THE_LAYERS.text))
    maps = LayerMaps(
        elem_id="layers",
        epochs=bind_server_function(shared.context, epochs),
        scaled=bind_server_function(shared.context, scaled),
    )
    shared.listen(of_layers.change, fill, [shared.model, shared.epoch, face], [maps])


def fill(context: Context, model: str, epoch: int | None, text: str) -> Json:
    """The value of LayerMaps: the strongest maps of each layer for the face, in its epoch."""
    from neuroceleb.latent import layers

    face = current.read(context, model, epoch, text)
    found = layers.of_face(face.model, face.z)
    shown = _epochs(context.workspace.run(model), face.epoch)
    return {
        "key": face.key,
        "request": {"model": face.run, "epoch": face.epoch, "text": text},
        "epochs": shown,
        "at": shown.index(face.epoch),
        "piece": PIECE,
        "factors": FACTORS,
        "layers": [
            {
                "layer": maps.layer,
                "side": maps.maps.shape[1],
                "total": maps.total,
                "channels": maps.channels,
            }
            for maps in found.layers
        ],
        **_sprites([found]),
    }


def epochs(context: Context, wanted: Any) -> Json:
    """The sprites of the same maps in PIECE of the epochs, from the index `start` on."""
    from neuroceleb.latent import layers

    run, face = _read(context, wanted)
    shown = _epochs(run, face.epoch)
    start = read_whole(read_object(wanted).get("start"), Message("The epoch"), 0, len(shown) - 1)
    channels = layers.of_face(face.model, face.z).channels
    kept = {epoch: run.weights(epoch) for epoch in shown[start : start + PIECE]}
    return _sprites([found for _, found in layers.through_epochs(kept, face.z, channels=channels)])


def scaled(context: Context, wanted: Any) -> Json:
    """The pictures of an epoch with one map times each of FACTORS, and how much each differs."""
    from neuroceleb.latent import layers
    from neuroceleb.model import generator

    run, face = _read(context, wanted)
    epoch = read_whole(wanted.get("epoch"), Message("The epoch"), 0)
    layer = read_whole(wanted.get("layer"), Message("The layer"))
    channel = read_whole(wanted.get("channel"), Message("The map"))
    model = generator.load(run.weights(epoch))
    pictures = layers.scaled(model, face.z, layer, channel, FACTORS)
    unchanged = pictures[FACTORS.index(1.0)].astype(int)
    levels = np.abs(pictures - unchanged).mean((1, 2, 3))
    return {"sheet": current.sprite_url(pictures, len(pictures)), "levels": levels.tolist()}


def _read(context: Context, wanted: Any) -> tuple[Run, Current]:
    request = read_object(read_object(wanted).get("request"))
    names = ("model", "epoch", "text")
    model, epoch, text = (request.get(name) for name in names)
    face = current.read(context, model, epoch, str(text))
    return context.workspace.run(face.run), face


def _epochs(run: Run, chosen: int) -> list[int]:
    """The kept epochs that are shown, evenly spaced, with the chosen one."""
    return sorted({*evenly_spaced(sorted(run.kept()), EPOCHS), chosen})


def _sprites(faces: "list[FaceLayers]") -> Json:
    """The maps, a row a layer for each of the epochs, and their pictures below each other."""
    columns = max(len(maps.channels) for maps in faces[0].layers)
    cells = [_cells(maps.maps, columns) for face in faces for maps in face.layers]
    sheet = images.sprite(np.concatenate(cells), columns)
    pictures = np.stack([face.picture for face in faces])
    return {"maps": data_url(sheet, "webp"), "pictures": current.sprite_url(pictures, 1)}


def _cells(maps: Pixels, count: int) -> Pixels:
    """(K, side, side) uint8 -> (count, CELL_PX, CELL_PX, 3): each value a square, black after K."""
    times = CELL_PX // maps.shape[1]
    squares = maps.repeat(times, axis=1).repeat(times, axis=2)
    cells: Pixels = np.zeros((count, CELL_PX, CELL_PX, 3), np.uint8)
    cells[: len(maps)] = squares[..., None]
    return cells
