"""Reading a pickle of plain values without executing anything in it.

Unpickling can run any code. This unpickler knows dict, list, str, int, float and NumPy's scalars,
and refuses a pickle that names anything else.
"""

import codecs
import io
import pickle
import struct
from collections.abc import Iterator
from typing import Any

MAX_VALUES = 5_000_000  # counted once for every time the pickle refers to one
MAX_DEPTH = 16


def loads(data: bytes) -> Any:
    """The value in a pickle: dict, list, str, int, float; NumPy's scalars become numbers.

    Raises ValueError, with the reason, if there is anything else in it or it is damaged or too
    large.
    """
    try:
        value = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        for _ in _counted(_values(value)):
            pass
    except ValueError:
        raise
    except Exception as error:  # a damaged pickle can raise any exception
        raise ValueError("it is damaged, or holds more than plain values") from error
    return value


class _Unpickler(pickle.Unpickler):
    """Resolves four names, each to an object of this module, and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {
            ("numpy.core.multiarray", "scalar"),
            ("numpy._core.multiarray", "scalar"),
        }:
            return _Scalar()
        if (module, name) == ("numpy", "dtype"):
            return _DType()
        if (module, name) == ("_codecs", "encode"):  # how old protocols write bytes
            return _Encode()
        raise ValueError(f"it asks for {module[:40]}.{name[:40]}, which is no plain value")


_FORMATS = {  # format characters of struct by NumPy's kind and size
    **{"f2": "e", "f4": "f", "f8": "d"},
    **{"i1": "b", "i2": "h", "i4": "i", "i8": "q"},
    **{"u1": "B", "u2": "H", "u4": "I", "u8": "Q"},
}


class _Number:
    """A NumPy dtype of a scalar: kind and size, such as `f8`, and byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "="):
            raise ValueError("a number in it has no byte order")
        self.order = ">" if order == ">" else "<"


class _DType:
    __slots__ = ()

    def __call__(self, code: Any, *_: Any) -> _Number:
        if not isinstance(code, str) or code not in _FORMATS:
            raise ValueError(f"it holds an array of {str(code)[:20]!r}, not a number")
        return _Number(code)


class _Scalar:
    __slots__ = ()

    def __call__(self, dtype: Any, data: Any = b"") -> float | int:
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(dtype, _Number) or not isinstance(raw, bytes):
            raise ValueError("it holds something that is no number")
        try:
            (number,) = struct.unpack(dtype.order + _FORMATS[dtype.code], raw)
        except struct.error as error:
            raise ValueError("a number in it has not its length") from error
        return number if isinstance(number, int) else float(number)


class _Encode:
    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise ValueError("it holds something that is no number")
        return codecs.encode(text, "latin1")


def _values(value: Any, depth: int = 0) -> Iterator[Any]:
    """Every value in a value, containers included; raises ValueError at one that is not plain."""
    if type(value) not in (dict, list, str, int, float):
        raise ValueError(f"it holds a {type(value).__name__.strip('_')}, which is no plain value")
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(key, depth + 1)
            yield from _values(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, depth + 1)


def _counted(values: Iterator[Any]) -> Iterator[Any]:
    for count, value in enumerate(values):
        if count >= MAX_VALUES:
            raise ValueError(f"it holds over {MAX_VALUES:,} values")
        yield value
