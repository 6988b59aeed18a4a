"""Which person each image of a dataset shows."""

from pathlib import Path

import pytest
from PIL import Image

from neuroceleb.data import dataset, persons
from neuroceleb.errors import UserError


def sorted_set(root: Path) -> Path:
    """Images of two persons, and one in a folder that is none."""
    names = ("ann/1.png", "ann/2.png", "bob/3.png", "others/4.png", "others/5.png")
    for number, name in enumerate(names):
        path = root / "set" / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (40 * number, 9, 9)).save(path)
    persons.write(root / "set", ["bob", "ann", "nobody"])
    return root / "set" / "faces"


def test_a_dataset_knows_its_persons(tmp_path: Path) -> None:
    source = sorted_set(tmp_path)
    (source / "ann" / "0.png").write_bytes(b"no image")
    for _ in ("decoded", "cached"):
        data = dataset.load(source, tmp_path)
        assert len(data) == 5
        assert data.people is not None
        ann, same, bob, other, another = data.people.tolist()
        assert ann == same
        assert len({ann, bob, other, another}) == 4


def test_other_folders_have_no_persons(tmp_path: Path) -> None:
    source = sorted_set(tmp_path)
    assert dataset.load(source / "ann", tmp_path).people is None
    (source.parent / persons.FILE).unlink()
    assert dataset.load(source, tmp_path).people is None
    assert persons.read(source.parent) is None


@pytest.mark.parametrize("text", ["", "[]", '{"persons": 3}', '{"persons": [1]}', "[" * 99_999])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    source = sorted_set(tmp_path)
    (source.parent / persons.FILE).write_text(text)
    with pytest.raises(UserError, match="is damaged"):
        dataset.load(source, tmp_path)
