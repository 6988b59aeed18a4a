"""The page's heading: its name, and the choice of language."""

from neuroceleb.app.components.module_html import ModuleHTML

class Header(ModuleHTML):
    """The name of the app with the switches of language and of crisp pixels. It has no value."""

    MODULE = "header"

    def __init__(self, *, render: bool = True) -> None:
        super().__init__(elem_id="title", render=render)
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component
