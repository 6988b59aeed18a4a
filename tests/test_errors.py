"""Sentences with parameters, and the errors that carry them."""

import pickle

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
