"""The labels of generated faces: `benchmarks/labels/generated.csv`."""

import csv
from collections import Counter
from pathlib import Path

import pytest

LABELS = Path(__file__).parents[2] / "benchmarks" / "labels" / "generated.csv"
FLAWS = ("eye", "mouth", "nose", "half", "shape")
COLUMNS = ["model", "epoch", "seed", "flawed", *FLAWS, "split"]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with LABELS.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, strict=True)
        rows = list(reader)
    assert reader.fieldnames == COLUMNS
    return rows


def test_600_different_faces_of_at_least_four_models(rows: list[dict[str, str]]) -> None:
    faces = {(row["model"], int(row["epoch"]), int(row["seed"])) for row in rows}
    assert len(rows) == len(faces) == 600
    assert len({model for model, _, _ in faces}) >= 4


def test_labels_are_0_or_1(rows: list[dict[str, str]]) -> None:
    assert {row[column] for row in rows for column in ("flawed", *FLAWS)} == {"0", "1"}


def test_a_flaw_is_named_exactly_where_a_face_is_flawed(rows: list[dict[str, str]]) -> None:
    wrong = [row for row in rows if (row["flawed"] == "1") != any(row[f] == "1" for f in FLAWS)]
    assert wrong == []


def test_200_faces_are_for_testing_and_share_no_seed_with_the_others(
    rows: list[dict[str, str]],
) -> None:
    assert Counter(row["split"] for row in rows) == {"choose": 400, "test": 200}
    seeds = {
        split: {row["seed"] for row in rows if row["split"] == split}
        for split in ("choose", "test")
    }
    assert seeds["choose"].isdisjoint(seeds["test"])


def test_each_model_gives_about_a_third_of_its_faces_to_the_test(
    rows: list[dict[str, str]],
) -> None:
    models = Counter(row["model"] for row in rows)
    tested = Counter(row["model"] for row in rows if row["split"] == "test")
    for model, count in models.items():
        assert 0.3 < tested[model] / count < 0.37, model
