"""One paragraph of plain text."""

import gradio as gr

class Text(gr.HTML):
    """A paragraph that shows its value as it stands, markup escaped (unlike `gr.Markdown`).

    Value: the text, or None for an empty paragraph. It is announced to screen readers.
    """

    def __init__(
        self,
        value: str | None = None,
        *,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value=value,
            html_template='<p class="nc-facts" role="status">{{value}}</p>',
            js_on_load=None,
            apply_default_css=False,
            elem_id=elem_id,
            visible=visible,
            render=render,
        )
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component
