"""Evenly spaced choices."""

from neuroceleb.spacing import even_indices, evenly_spaced


def test_both_ends_are_chosen() -> None:
    chosen = evenly_spaced(range(1_000), 9)
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 999, 9)


def test_all_where_there_are_no_more() -> None:
    assert evenly_spaced("abcde", 9) == list("abcde")
    assert evenly_spaced("abcde", 5) == list("abcde")


def test_none_of_none_and_the_first_where_one_is_asked_for() -> None:
    assert evenly_spaced([], 3) == []
    assert even_indices(7, 1).tolist() == [0]
