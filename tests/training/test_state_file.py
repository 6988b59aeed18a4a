"""State files: the newest undamaged one is read, and a failed save loses neither."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.model import checkpoint
from neuroceleb.training import state_file


@pytest.fixture
def states(tmp_path: Path) -> tuple[Path, Path]:
    newest, older = tmp_path / "state.pt", tmp_path / "state.previous.pt"
    for step in (1, 2):
        state = {"step": step, "G": torch.full((50,), step), "noise": torch.get_rng_state()}
        state_file.save(newest, older, state)
    return newest, older


def test_the_newest_state_and_the_one_before(states: tuple[Path, Path]) -> None:
    state, warnings = state_file.load(*states)
    assert state["step"] == 2
    assert warnings == []
    assert state_file.load(states[1], states[0])[0]["step"] == 1
    assert {path.name for path in states[0].parent.iterdir()} == {path.name for path in states}


def damage(path: Path, way: str) -> None:
    blob = bytearray(path.read_bytes())
    if way == "cut":
        del blob[len(blob) // 2 :]
    elif way == "empty":
        blob.clear()
    elif way == "one bit of a weight":
        place = bytes(blob).index(struct.pack("<q", 2) * 20)
        blob[place] ^= 4
    elif way == "zeros":
        blob[:] = bytes(len(blob))
    path.write_bytes(bytes(blob))


WAYS = ["cut", "empty", "one bit of a weight", "zeros"]


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_state_gives_way_to_the_one_before(way: str, states: tuple[Path, Path]) -> None:
    damage(states[0], way)
    state, warnings = state_file.load(*states)
    assert state["step"] == 1
    assert [*map(str, warnings)] == [f"{states[0]} is damaged and was skipped."]


def test_a_state_of_another_version_or_kind_gives_way(states: tuple[Path, Path]) -> None:
    for value in ({"version": 999, "step": 3}, {"step": 3}, [1], torch.ones(3)):
        torch.save(value, states[0])
        state, warnings = state_file.load(*states)
        assert state["step"] == 1
        assert "not a state file of this version" in str(warnings[0])


@pytest.mark.parametrize("way", ["cut", "zeros"])
def test_two_damaged_states_are_a_sentence(way: str, states: tuple[Path, Path]) -> None:
    for path in states:
        damage(path, way)
    with pytest.raises(UserError, match=r"state\.pt is damaged.*no older state either"):
        state_file.load(*states)


def test_killed_between_two_names_the_older_state_serves(states: tuple[Path, Path]) -> None:
    states[0].replace(states[1])
    assert state_file.load(*states)[0]["step"] == 2


def test_no_state_at_all_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="saved no state to continue from"):
        state_file.load(tmp_path / "state.pt", tmp_path / "state.previous.pt")


def test_a_failed_save_leaves_both_states(
    states: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [path.read_bytes() for path in states]

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(UserError, match=r"state\.pt could not be written \(No space left"):
        state_file.save(*states, {"step": 3})
    assert [path.read_bytes() for path in states] == before
    assert len(list(states[0].parent.iterdir())) == 2


def test_numbers_of_numpy_do_not_slip_into_a_state(states: tuple[Path, Path]) -> None:
    """They would need code to be read; a state that cannot be read must not be written unseen."""
    state_file.save(*states, {"step": 3, "epoch": float(np.float64(1.5))})
    assert state_file.load(*states)[0]["epoch"] == 1.5
