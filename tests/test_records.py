"""The reader of JSON files: size, depth, types, and what is set aside."""

import json
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb import records
from neuroceleb.records import DamagedFileError


class Inner(TypedDict):
    size: float


class Thing(TypedDict):
    name: str
    count: NotRequired[int | None]
    inner: NotRequired[Inner]
    items: NotRequired[list[int]]
    pairs: NotRequired[list[tuple[str, int]]]
    table: NotRequired[dict[str, float | str]]
    kind: NotRequired[Literal["a", "b"]]
    flag: NotRequired[bool]


@pytest.mark.parametrize(
    "value",
    [
        {"name": "x"},
        {"name": "얼굴", "count": None, "other": {"keys": [1, None, "x", True]}},
        {"name": "", "count": 3, "inner": {"size": 1}, "items": [], "kind": "b", "flag": False},
        {"name": "x", "pairs": [["a", 1]], "table": {"a": 1.5, "b": "c"}},
    ],
)
def test_what_fits_the_schema_is_read(value: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert records.read(tmp_path / "a.json", Thing) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it is no JSON"),
        ("[]", "it is not an object"),
        ("{}", "'name' is missing"),
        ('{"name": 3}', "'name' is not a text"),
        ('{"name": "x", "count": true}', "'count' is not a whole number"),
        ('{"name": "x", "count": "3"}', "'count' is not a whole number"),
        ('{"name": "x", "inner": {"size": NaN}}', "NaN is not a number"),
        ('{"name": "x", "inner": {"size": 1e999}}', "'size' is not a finite number"),
        ('{"name": "x", "items": [1, "2"]}', "'items' is not a whole number"),
        ('{"name": "x", "pairs": [["a"]]}', "'pairs' has not 2 items"),
        ('{"name": "x", "kind": "c"}', "'kind' is none of a, b"),
        ('{"name": "x", "kind": {}}', "'kind' is none of a, b"),
        ('{"name": "x", "flag": 1}', "'flag' is not true or false"),
        ('{"name": "x", "count": 9223372036854775808}', "'count' is too large"),
        ('{"name": "x", "more": ' + "9" * 5_000 + "}", "digits"),
        ('{"name": "x", "more": ' + "[" * 17 + "]" * 17 + "}", "'more' is nested too deeply"),
        ('{"name": "x", "more": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
    ids=range(17),
)
def test_anything_else_is_damage_with_its_reason(text: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DamagedFileError) as found:
        records.read(path, Thing)
    assert what in found.value.what
    assert str(found.value).startswith(f"{path} is damaged (")


def test_size_links_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert records.read(path, Thing) is None
    path.write_text(json.dumps({"name": "x" * 2_000}))
    with pytest.raises(DamagedFileError, match="it is over 1 kB"):
        records.read(path, Thing, max_bytes=1_024)
    (tmp_path / "link.json").symlink_to(path)
    with pytest.raises(DamagedFileError, match="symbolic link"):
        records.read(tmp_path / "link.json", Thing)
    with pytest.raises(DamagedFileError, match="not a regular file"):
        records.read(tmp_path, Thing)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_damage(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        records.read(path, Thing)
    assert all(isinstance(line, DamagedFileError) for line in records.lines(path, Thing))


def test_files_are_set_aside_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for turn in range(3):
        path.write_text(str(turn))
        records.set_aside(path, keeps_file=turn == 1)
        assert path.exists() is (turn == 1)
    names = ["a.json.2.damaged", "a.json.3.damaged", "a.json.damaged"]
    assert [found.name for found in records.aside(tmp_path)] == names
    assert (tmp_path / names[0]).read_text() == "1"
    assert records.set_aside(path) is None
