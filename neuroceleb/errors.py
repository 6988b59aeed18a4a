"""Errors that a user can fix, and sentences with parameters that can be translated."""

from collections.abc import Callable
from typing import Any


class Message:
    """A sentence with named parameters: English, and translatable as a whole.

    `text` is the English sentence in `str.format` style ("The run '{name}' is not here."); it is
    the key of its translation. A parameter may be a Message itself, which is translated, too.
    Without parameters `text` stands as it is, braces included.
    """

    def __init__(self, text: str, /, **parameters: Any) -> None:
        self.text = text
        self.parameters = parameters

    def translate(self, gettext: Callable[[str], str]) -> str:
        """The sentence in the language of a gettext function, with its parameters filled in."""
        text = gettext(self.text)
        if not self.parameters:
            return text
        values = {
            name: value.translate(gettext) if isinstance(value, Message) else value
            for name, value in self.parameters.items()
        }
        return text.format(**values)

    def __str__(self) -> str:
        return self.translate(lambda text: text)


class UserError(Exception):
    """One sentence: which file or setting is wrong, and how to fix it.

    `UserError("The run '{name}' is not here.", name=run.name)`: the sentence is a Message. The
    command line prints it on stderr and exits with code 2; the page shows it, translated. Every
    other exception is a bug.
    """

    def __init__(self, text: str | Message, /, **parameters: Any) -> None:
        self.message = text if isinstance(text, Message) else Message(text, **parameters)
        super().__init__(str(self.message))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,)
