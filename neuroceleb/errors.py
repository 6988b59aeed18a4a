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

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it; parameters are numbers, strings and Messages, others strings."""
        return {
            "text": self.text,
            "parameters": {name: _to_json(value) for name, value in self.parameters.items()},
        }

    @classmethod
    def from_json(cls, value: Any, max_depth: int = 5) -> "Message":
        """The Message of a `to_json` result; raises ValueError for anything else.

        The texts may be anybody's: fill in parameters only where a catalogue has the text.
        """
        record = value if isinstance(value, dict) else {}
        text, parameters = record.get("text"), record.get("parameters")
        if not isinstance(text, str) or not isinstance(parameters, dict) or max_depth < 0:
            raise ValueError("it is no message")
        message = cls(text)
        for name, one in parameters.items():
            if not isinstance(one, str | int | float | dict):
                raise ValueError("it is no message")
            is_nested = isinstance(one, dict)
            message.parameters[name] = cls.from_json(one, max_depth - 1) if is_nested else one
        return message

    def as_fields(self, key: str) -> dict[str, Any]:
        """For a JSON file: the English sentence as `key`, and `to_json` as `<key>_source`."""
        return {key: str(self), f"{key}_source": self.to_json()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (self.text, self.parameters) == (other.text, other.parameters)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Message({str(self)!r})"

    def __str__(self) -> str:
        return self.translate(lambda text: text)


def _to_json(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    return value if isinstance(value, str | int | float) else str(value)


def gettext_noop(text: str) -> str:
    """Marks a text of the catalogue that becomes a Message elsewhere."""
    return text


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
