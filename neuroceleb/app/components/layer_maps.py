"""The maps of a generator's layers for one face, through the epochs, and one of them changed."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML, ServerFunction


class LayerMaps(ModuleHTML):
    """A picture, the strongest maps of each layer, a slider over epochs, and one of a map's factor.

    Value: None, or `{"key": …, "request": …, "epochs": [0, 1, …], "at": index in epochs, "piece":
    epochs a sprite, "factors": [0, …], "layers": [{layer, side, total, channels}], "maps": …,
    "pictures": …}`. `maps` is a sprite (a data URL) with a row a layer, `pictures` that of the
    picture, both of the epoch `at`. Another `key` means another face or model.

    The server function `epochs({request, start})` returns `{maps, pictures}` of `piece` epochs,
    below each other; all are fetched once the first is shown, so that scrubbing asks the
    server nothing. `scaled({request, epoch, layer, channel})` returns `{sheet, levels}`: the
    pictures with the map times each factor in a row, and by how many grey levels each differs.
    """

    MODULE = "layer_maps"

    def __init__(
        self,
        value: Any = None,
        *,
        epochs: ServerFunction | None = None,
        scaled: ServerFunction | None = None,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        functions = {"epochs": epochs, "scaled": scaled}
        super().__init__(
            value,
            elem_id=elem_id,
            visible=visible,
            render=render,
            server_functions={name: one for name, one in functions.items() if one} or None,
        )
