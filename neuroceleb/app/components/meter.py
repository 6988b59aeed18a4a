"""A progress bar."""

import gradio as gr


class Meter(gr.HTML):
    """A bar that is filled as far as its value, 0 to 1; None hides it."""

    def __init__(
        self,
        value: float | None = None,
        *,
        elem_id: str | None = None,
        visible: bool = True,
        render: bool = True,
    ) -> None:
        super().__init__(
            value=value,
            html_template='<progress class="nc-meter" max="1" value="{{value}}"></progress>',
            js_on_load=None,
            apply_default_css=False,
            elem_id=elem_id,
            visible=visible,
            render=render,
        )
