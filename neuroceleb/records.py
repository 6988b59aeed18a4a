"""Read the JSON files of this program, whoever wrote them.

A file has a bounded size and depth, its values have the types of a schema, and no number is NaN or
infinite; anything else raises DamagedFileError, which names the file and what is wrong. The schema
is a TypedDict, checked at run time: a machine that only trains has no pydantic, and the same
definition types the values for mypy.
"""

import json
import logging
import math
import os
import shutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from neuroceleb import files
from neuroceleb.errors import Message, UserError

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 16
MAX_LINE_BYTES = 256 * 2**10
MAX_LINES_BYTES = 256 * 2**20
MAX_LINES = 1_000_000
MAX_INTEGER = 2**63
MAX_ASIDE = 20  # files of one name
RAW_KEYS = frozenset({"path", "source"})  # file names

log = logging.getLogger(__name__)


class DamagedFileError(UserError):
    """A file of this program that cannot be read: which, and what is wrong with it."""

    def __init__(self, path: Path, what: str) -> None:
        message = Message(
            "{path} is damaged ({reason}): restore it from a copy, or delete it.",
            path=files.printable(path),
            reason=what,
        )
        super().__init__(message)
        self.path, self.what = path, what

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.what)


def read(path: Path, schema: type, max_bytes: int = MAX_BYTES) -> dict[str, Any] | None:
    """The object in a JSON file, of the types in `schema` (a TypedDict); None without a file.

    Keys that the schema lacks are allowed, whatever they hold. Links are not followed. Raises
    DamagedFileError.
    """
    try:
        data = files.read_bytes(path, max_bytes)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFileError(path, error.strerror or str(error)) from error
    try:
        return parse(data, schema)
    except ValueError as error:
        raise DamagedFileError(path, str(error)) from error


def parse(data: bytes | str, schema: type) -> dict[str, Any]:
    """The object in JSON text, of the types in `schema`; raises ValueError with what is wrong."""
    value = _loads(data)
    check(value, schema)
    has_escapes = b"\\u" in data if isinstance(data, bytes) else True
    checked: dict[str, Any] = _with_valid_text(value) if has_escapes else value
    return checked


def parse_object(text: str | bytes | None) -> dict[str, Any] | None:
    """The object in JSON text, of plain values; None where it is none."""
    try:
        value = _loads(text or "")
        _check_plain(value, "it", 0)
    except ValueError:
        return None
    return _with_valid_text(value) if isinstance(value, dict) else None


def lines(path: Path, schema: type) -> Iterator[dict[str, Any] | DamagedFileError]:
    """The objects in the lines of a file, in order; a DamagedFileError in place of a bad one.

    A last line without its newline is an unfinished one and left out. In lines NaN is read as
    None: a figure that is none. Nothing where the file is missing. Raises no exception.
    """
    try:
        file = files.open_regular(path)
    except FileNotFoundError:
        return
    except OSError as error:
        yield DamagedFileError(path, error.strerror or str(error))
        return
    with file:
        for number in range(1, MAX_LINES + 1):
            try:
                line = file.readline(MAX_LINE_BYTES + 1)
                if line and not line.endswith(b"\n") and len(line) <= MAX_LINE_BYTES:
                    return  # unfinished
                is_whole = not line or len(line) <= MAX_LINE_BYTES or _skip_line(file)
            except OSError as error:
                yield DamagedFileError(path, error.strerror or str(error))
                return
            if not line:
                return
            if not is_whole or file.tell() > MAX_LINES_BYTES:
                yield DamagedFileError(path, f"it is over {MAX_LINES_BYTES >> 20} MB")
                return
            yield _line(path, number, line, schema)


def _line(path: Path, number: int, line: bytes, schema: type) -> dict[str, Any] | DamagedFileError:
    if len(line) > MAX_LINE_BYTES:
        return DamagedFileError(path, f"line {number} is too long")
    try:
        value = _loads(line, refuses_nan=False)
        check(value, schema)
    except ValueError as error:
        return DamagedFileError(path, f"line {number}: {error}")
    checked: dict[str, Any] = _with_valid_text(value)
    return checked


def _skip_line(file: typing.BinaryIO) -> bool:
    """Read on to the next newline; False where none comes within MAX_LINES_BYTES."""
    while file.tell() <= MAX_LINES_BYTES:
        part = file.readline(MAX_LINE_BYTES)
        if not part or part.endswith(b"\n"):
            return True
    return False


def set_aside(path: Path, keeps_file: bool = False) -> Path | None:
    """Rename a damaged file to NAME.damaged, or NAME.2.damaged and so on; returns the new path.

    With `keeps_file` it is copied. None where it is not there. Raises UserError.
    """
    for number in range(1, MAX_ASIDE + 1):
        kept = path.with_name(f"{path.name}{f'.{number}' if number > 1 else ''}.damaged")
        if os.path.lexists(kept):
            continue
        try:
            if keeps_file:
                shutil.copyfile(path, kept, follow_symlinks=False)
            else:
                path.rename(kept)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.not_written(kept, error) from error
        log.warning("%s is damaged: it was set aside as %s.", files.printable(path), kept.name)
        return kept
    raise UserError(
        "{path} is damaged, and there are many set aside already: delete those you do not need.",
        path=files.printable(path),
    )


def aside(folder: Path) -> list[Path]:
    """The files of a folder that `set_aside` made."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".damaged"))
    except OSError:
        return []
    return [folder / name for name in names]


# The schema --------------------------------------------------------------------------------


def check(value: object, schema: Any, what: str = "it") -> None:
    """Raises ValueError, which names the key, where `value` has not the types of `schema`.

    A schema is a TypedDict, dict[str, T], list[T], tuple[T, ...], Literal, a union, int, float
    (which an int is, too), str, bool, None, or Any for plain values.
    """
    _checker(schema)(value, what, 0)


# Checks a value; raises ValueError with the key, or what it is called, at that depth.
Check = Callable[[Any, str, int], None]


@lru_cache(maxsize=1_024)
def _checker(schema: Any) -> Check:
    """The check of a schema, which is taken apart once."""
    origin = get_origin(schema)
    if schema is Any:
        return _check_plain
    if typing.is_typeddict(schema):
        return _object_check(schema)
    if origin in (dict, Mapping):
        return _mapping_check(_checker(get_args(schema)[1]))
    if origin in (list, tuple):
        return _list_check(schema)
    if origin in (Union, types.UnionType):
        return _union_check(get_args(schema))
    return _literal_check(get_args(schema)) if origin is Literal else _scalar_check(schema)


def _object_check(schema: Any) -> Check:
    required = schema.__required_keys__
    checks = {key: _checker(hint) for key, hint in typing.get_type_hints(schema).items()}

    def check_object(value: Any, what: str, depth: int) -> None:
        _check_depth(what, depth)
        if not isinstance(value, dict):
            raise ValueError(f"{what} is not an object")
        if missing := sorted(required - value.keys()):
            raise ValueError(f"'{missing[0]}' is missing")
        for key, item in value.items():
            check = checks.get(key, _check_plain)
            check(item, _quoted(key), depth + 1)

    return check_object


def _mapping_check(check: Check) -> Check:
    def check_mapping(value: Any, what: str, depth: int) -> None:
        _check_depth(what, depth)
        if not isinstance(value, dict):
            raise ValueError(f"{what} is not an object")
        for key, item in value.items():
            check(item, _quoted(key), depth + 1)

    return check_mapping


def _list_check(schema: Any) -> Check:
    arguments = get_args(schema)
    is_fixed = get_origin(schema) is tuple and arguments[-1] is not Ellipsis
    checks = [_checker(argument) for argument in arguments if argument is not Ellipsis]

    def check_list(value: Any, what: str, depth: int) -> None:
        _check_depth(what, depth)
        if not isinstance(value, list):
            raise ValueError(f"{what} is not a list")
        if is_fixed and len(value) != len(checks):
            raise ValueError(f"{what} has not {len(checks)} items")
        for index, item in enumerate(value):
            checks[index if is_fixed else 0](item, what, depth + 1)

    return check_list


def _union_check(schemas: tuple[Any, ...]) -> Check:
    checks = [_checker(schema) for schema in schemas]
    by_type = {schema: _checker(schema) for schema in schemas if schema in (float, str)}

    def check_union(value: Any, what: str, depth: int) -> None:
        if (known := by_type.get(type(value))) is not None:
            return known(value, what, depth)
        problems = []
        for check in checks:
            try:
                check(value, what, depth)
            except ValueError as error:
                problems.append(str(error))
            else:
                return None
        raise ValueError(problems[0])

    return check_union


def _literal_check(values: tuple[Any, ...]) -> Check:
    def check_literal(value: Any, what: str, _: int) -> None:
        if isinstance(value, list | dict) or value not in values:
            raise ValueError(f"{what} is none of {', '.join(map(str, values))}")

    return check_literal


def _scalar_check(schema: Any) -> Check:
    accepted = (int, float) if schema is float else (type(None),) if schema is None else (schema,)

    def check_scalar(value: Any, what: str, _: int) -> None:
        if type(value) is schema and schema in (str, bool):
            return
        is_bool = isinstance(value, bool)
        if not isinstance(value, accepted) or (is_bool and schema is not bool):
            raise ValueError(f"{what} is not {_NAMES.get(schema, 'empty')}")
        if isinstance(value, int | float):
            _check_number(value, what)

    return check_scalar


_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


@lru_cache(maxsize=4_096)
def _quoted(key: str) -> str:
    return f"'{key[:40]}'"


def _check_depth(what: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"{what} is nested too deeply")


def _check_number(value: object, what: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is not a finite number")
    if isinstance(value, int) and abs(value) >= MAX_INTEGER:
        raise ValueError(f"{what} is too large")


def _check_plain(value: object, what: str, depth: int) -> None:
    """Check the depth and the numbers of a value of any type."""
    if depth > MAX_DEPTH:
        raise ValueError(f"{what} is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_plain(item, _quoted(key), depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_plain(item, what, depth + 1)
    else:
        _check_number(value, what)


# Parsing -----------------------------------------------------------------------------------


def _loads(data: bytes | str, refuses_nan: bool = True) -> Any:
    try:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return json.loads(text, parse_constant=_refuse_constant if refuses_nan else _no_figure)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg}, line {error.lineno}") from error


def _with_valid_text(value: Any, key: str = "") -> Any:
    """`value` with a ? for every half of a surrogate pair, which no page or terminal can show.

    Paths keep theirs: so Python names files whose names are no UTF-8.
    """
    if isinstance(value, str):
        return value if key in RAW_KEYS else files.printable(value)
    if isinstance(value, list):
        return [_with_valid_text(item, key) for item in value]
    if isinstance(value, dict):
        return {files.printable(k): _with_valid_text(item, k) for k, item in value.items()}
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _no_figure(_: str) -> None:
    return None
