"""Pickles of plain values are read; everything else is refused, unexecuted."""

import codecs
import io
import pickle
import random
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroceleb.runs import plain_pickle


class Print:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run!",))


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(Loss_D=[1.0]),
        {"Loss_D": np.zeros(3)},
        {"Loss_D": [np.datetime64("2017-01-01")]},
        {"Loss_D": [np.bool_(True)]},
        {"Loss_D": [np.str_("x")]},
        {"Loss_D": (1.0,)},
        {"Loss_D": [None]},
        {"Loss_D": [1j]},
        {"Loss_D": [b"1"]},
        {"Loss_D": {1.0}},
        {"Loss_D": torch.zeros(1)},
        {"Loss_D": print},
        Print(),
        np.dtype("f8"),
        codecs.encode,
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_plain_values_are_read(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"plain|number|array"):
        plain_pickle.loads(pickle.dumps(value))
    assert capsys.readouterr().out == ""


def test_pickles_that_meddle_with_the_reader_are_refused() -> None:
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    dtype = b"cnumpy\ndtype\n"
    for data in (
        b"\x80\x02" + scalar + b"}X\x01\x00\x00\x00aK\x01sb.",  # BUILD on the reader
        b"\x80\x02" + scalar + b"N}X\x08\x00\x00\x00__call__K\x01s\x86b.",
        b"\x80\x02" + scalar + b"(K\x01K\x02tR.",  # a number of nothing
        b"\x80\x02" + scalar + b"(" + dtype + b"K\x02tR.",
        b"\x80\x02" + dtype + b"(X\x01\x00\x00\x00OtR.",
        b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        b"cnumpy\nload\n.",
        b"",
        b"\x80\x02",
        b"hello",
        b"\x80\x02P0\n.",
    ):
        with pytest.raises(ValueError, match=r"."):
            plain_pickle.loads(data)
    assert plain_pickle.loads(pickle.dumps(np.float64(2.5))) == 2.5


def test_a_small_pickle_cannot_become_a_huge_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_pickle, "MAX_VALUES", 50_000)
    nested: list[Any] = [0.0] * 100
    for _ in range(10):
        nested = [nested] * 100
    with pytest.raises(ValueError, match="over 50,000 values"):
        plain_pickle.loads(pickle.dumps({"Loss_D": nested}))
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        plain_pickle.loads(pickle.dumps(deep))


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        value = plain_pickle.loads(data)
    except ValueError:
        return
    assert type(value) in (dict, list, str, int, float)


numbers = st.floats() | st.integers(-(2**40), 2**40)
plain = st.recursive(
    numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(max_examples=80, deadline=None)
def test_plain_values_come_back_whole(value: object, protocol: int) -> None:
    assert repr(plain_pickle.loads(pickle.dumps(value, protocol))) == repr(value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f8", "i1", "i8", "u2", ">i4"])
def test_numpy_scalars_are_numbers(kind: str, protocol: int) -> None:
    scalar = np.array([-3.5 if "f" in kind else 7], kind)[0]
    assert plain_pickle.loads(pickle.dumps([scalar], protocol)) == [float(scalar)]


def test_a_pickle_of_python_2() -> None:
    data = (
        b"(dp0\nS'Loss_D'\np1\n(lp2\ncnumpy.core.multiarray\nscalar\np3\n(cnumpy\ndtype\np4\n"
        b"(S'f8'\np5\nI0\nI1\ntp6\nRp7\n(I3\nS'<'\np8\nNNNI-1\nI-1\nI0\ntp9\nb"
        b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\x04@'\np10\ntp11\nRp12\nas."
    )
    assert plain_pickle.loads(data) == {"Loss_D": [2.5]}


def test_random_damage_to_a_real_history_never_runs_anything() -> None:
    whole = pickle.dumps({"Loss_D": [np.float64(1.5)] * 4, "Loss_G": [2.0] * 4}, 2)
    rng = random.Random(1)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with io.BytesIO(bytes(damaged)) as file:
            try:
                plain_pickle.loads(file.getvalue())
            except ValueError:
                continue
