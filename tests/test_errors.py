"""Sentences with parameters, and the errors that carry them."""

import json
import pickle
from pathlib import Path

import pytest

from neuroceleb.errors import Message, UserError

KOREAN = {
    "{what} is out of range: {low} to {high:,}.": "{what} 값은 {low}부터 {high:,}까지입니다.",
    "The seed": "시드",
}


def korean(text: str) -> str:
    return KOREAN.get(text, text)


def test_an_error_is_its_sentence_and_can_be_translated() -> None:
    error = UserError(
        "{what} is out of range: {low} to {high:,}.", what=Message("The seed"), low=0, high=4_000
    )
    assert str(error) == "The seed is out of range: 0 to 4,000."
    assert error.message.translate(korean) == "시드 값은 0부터 4,000까지입니다."


def test_without_parameters_braces_stand_as_they_are() -> None:
    assert str(UserError("Nothing is in {}.")) == "Nothing is in {}."


@pytest.mark.parametrize("name", ["{0}", "{name}", "%s"])
def test_a_parameter_is_never_read_as_a_format(name: str) -> None:
    assert str(UserError("'{name}' is not here.", name=name)) == f"'{name}' is not here."


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(UserError("'{name}' is not here.", name="a")))
    assert str(error) == "'a' is not here."
    assert error.message.parameters == {"name": "a"}


def test_a_message_as_json_and_back() -> None:
    message = Message("{n:,} of {path}: {why}", n=1_000, path=Path("a"), why=Message("{x}", x=0.5))
    read = Message.from_json(json.loads(json.dumps(message.to_json())))
    assert str(read) == str(message) == "1,000 of a: 0.5"
    fields = message.as_fields("note")
    assert fields == {"note": "1,000 of a: 0.5", "note_source": message.to_json()}
    assert Message("a") != Message("a", b=1)
    assert hash(Message("a")) == hash(Message("a"))


@pytest.mark.parametrize("value", [None, "a", [], {}, {"text": 1, "parameters": {}}, {"text": "a"}])
def test_other_json_is_no_message(value: object) -> None:
    with pytest.raises(ValueError, match="no message"):
        Message.from_json(value)


def test_a_message_is_not_nested_without_end() -> None:
    value: dict[str, object] = {"text": "a", "parameters": {}}
    for _ in range(10):
        value = {"text": "{x}", "parameters": {"x": value}}
    with pytest.raises(ValueError, match="no message"):
        Message.from_json(value)
