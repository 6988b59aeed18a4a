"""The labels of photos: names and labels only, each photo once."""

import csv
import hashlib
from pathlib import Path

import pytest

LABELS = Path(__file__).parents[2] / "benchmarks" / "labels"


def rows_of(name: str) -> list[dict[str, str]]:
    with (LABELS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_200_more_photos_with_closed_eyes_and_nods_in_both_halves() -> None:
    rows = rows_of("eyes_and_nods")
    names = {row["file"] for row in rows}
    assert len(rows) == len(names) == 200
    assert not names & {row["file"] for row in rows_of("photos")}
    for label, least in (("eyes_closed", 20), ("nodding", 20)):
        assert sum(row[label] == "1" for row in rows) >= least
        assert {row["half"] for row in rows if row[label] == "1"} == {"tune", "test"}


@pytest.mark.parametrize("name", ["photos", "eyes_and_nods"])
def test_halves_follow_from_the_names(name: str) -> None:
    for row in rows_of(name):
        number = int(hashlib.sha256(row["file"].encode()).hexdigest(), 16)
        assert row["half"] == ("tune" if number % 2 == 0 else "test")


def test_labels_are_0_or_1_and_what_is_unsure_is_0() -> None:
    labels = ("nodding", "eyes_covered", "mouth_covered", "eyes_closed")
    for row in rows_of("eyes_and_nods"):
        for label in labels:
            assert row[label] in ("0", "1")
            assert not (row[label] == "1" and f"unsure {label}" in row["notes"])


def test_a_face_of_both_subsets_has_one_label() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for row in rows_of("covered_eyes"):
        found.setdefault(row["file"], set()).add((row["eyes_covered"], row["notes"]))
    assert {name for name, labels in found.items() if len(labels) > 1} == set()
