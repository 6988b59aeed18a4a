"""The page's heading: its name, and the choice of language."""

from neuroceleb.app.components.module_html import ModuleHTML


class Header(ModuleHTML):
    """The name of the app with the switches of language and of crisp pixels. It has no value."""

    MODULE = "header"

    def __init__(self, *, render: bool = True) -> None:
        super().__init__(elem_id="title", render=render)
