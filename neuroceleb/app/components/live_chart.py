"""The live chart: the figures of a run over its epochs, drawn by Plotly."""

from typing import Any

from neuroceleb.app.components.module_html import ModuleHTML


class LiveChart(ModuleHTML):
    """Line charts that keep the reader's zoom when rows are appended; two runs are overlaid.

    Value: `{"runs": [{name, epochs, images, resumed, best}], "charts": [{id, title, how, y_title,
    low, high, lines: [{key, name, colour, dash, values: [[…] for each run]}]}], "card": {title,
    rows: [{name, value, how}]} or None, "x_title": optional}`, or None. `how` explains a
    chart in a sentence.

    With `x_title` the numbers in `epochs` are no epochs but what it says, and the charts stand
    alone. Else a line marks the epoch of the document's event `neuroceleb:epoch`, see EpochReel; a
    click on a chart sends `neuroceleb:show-epoch`. The app serves Plotly at `plotly.js`.
    """

    MODULE = "live_chart"

    def __init__(
        self,
        value: Any = None,
        *,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(value, elem_id=elem_id, visible=visible, render=render)
