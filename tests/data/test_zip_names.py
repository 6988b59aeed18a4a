"""Names in zips that are not marked as UTF-8."""

import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroceleb.data import sources, zip_names
from neuroceleb.errors import UserError
from tests.data.zips import zip_of

KOREAN = ("김철수/사진0.jpg", "이영희/사진1.jpg")
JAPANESE = ("田中/写真ソ.jpg", "鈴木/表.jpg")  # whose second bytes may be a backslash
CHINESE = ("张伟/照片1.jpg", "李娜/妈妈.jpg")
WESTERN = ("José/niño.jpg", "Zoë.jpg")


def names(path: Path, encoding: str = zip_names.AUTO) -> tuple[list[str], str | None]:
    with sources.open_source(path, encoding) as opened:
        listed = opened.listing()
        for entry in listed.entries:
            assert opened.read(entry) == b"content"
    return [entry.name for entry in listed.entries], listed.encoding


def written(path: Path, texts: tuple[str, ...], encoding: str | None) -> Path:
    return zip_of(path, dict.fromkeys(texts, b"content"), encoding)


@pytest.mark.parametrize(
    ("texts", "stored", "found"),
    [
        (KOREAN, "cp949", "cp949"),
        (KOREAN, "euc-kr", "cp949"),
        (("지수.jpg",), "cp949", "cp949"),
        (JAPANESE, "shift_jis", "cp932"),
        (("家族/ママ.jpg",), "shift_jis", "cp932"),
        (CHINESE, "gbk", "gbk"),
        (("王芳.jpg",), "gbk", "gbk"),
        (WESTERN, "cp437", "cp437"),
        (KOREAN, "utf-8", "utf-8"),  # not marked, as macOS writes it
        (CHINESE, None, None),
        (("a/b.jpg", "c.jpg"), "cp437", None),
    ],
)
def test_names_are_recognized(
    tmp_path: Path, texts: tuple[str, ...], stored: str | None, found: str | None
) -> None:
    listed, encoding = names(written(tmp_path / "a.zip", texts, stored))
    assert sorted(listed) == sorted(texts)
    assert encoding == found


def test_all_names_are_decided_together(tmp_path: Path) -> None:
    texts = (
        "똠.jpg",
        *(f"minji_{n}.jpg" for n in range(300)),
        "생일 파티/민지.jpg",
        "é".encode().hex(),
    )
    listed, encoding = names(written(tmp_path / "a.zip", texts, "cp949"))
    assert encoding == "cp949"
    assert sorted(listed) == sorted(texts)


def test_a_wrong_guess_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", ("Ångström.jpg",), "cp437")
    assert names(path, "cp437") == (["Ångström.jpg"], "cp437")
    assert names(path, "latin-1")[0] == ["Ångström.jpg".encode("cp437").decode("latin-1")]
    with pytest.raises(UserError, match="not in 'ascii'"):
        names(path, "ascii")


@pytest.mark.parametrize("name", ["klingon", "hex", "", "a" * 10_000, "\0"])
def test_other_encodings_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="--zip-names"):
        zip_names.check_encoding(name)


def test_encodings_and_auto_are_accepted() -> None:
    for name in ("auto", "utf-8", "cp949", "euc-kr", "shift_jis", "gbk", "cp437", "latin-1"):
        assert zip_names.check_encoding(name) == name


def test_the_order_does_not_depend_on_the_encoding(tmp_path: Path) -> None:
    texts = ("나.jpg", "z.jpg", "가.jpg", "뷁.jpg")
    path = written(tmp_path / "a.zip", texts, "cp949")
    with zipfile.ZipFile(path) as archive:
        stored = sorted(archive.namelist())
    expected = [name.encode("cp437").decode("cp949") for name in stored]
    assert names(path)[0] == names(path, "cp949")[0] == expected
    assert len(names(path, "latin-1")[0]) == len(texts)


def test_without_the_library_names_are_the_standard_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    assert names(written(tmp_path / "a.zip", WESTERN, "cp437"))[1] == "cp437"
    assert names(written(tmp_path / "b.zip", KOREAN, "utf-8"))[1] == "utf-8"
    assert names(written(tmp_path / "c.zip", KOREAN, "cp949"), "cp949")[1] == "cp949"


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6))
def test_any_bytes_are_recognized_as_something_that_decodes(raw: list[bytes]) -> None:
    encoding = zip_names.recognized(raw)
    for name in raw:
        name.decode(encoding)
