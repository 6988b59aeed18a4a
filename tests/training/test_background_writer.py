"""Writing beside the training: in order, nothing lost, no failure unheard."""

import threading
from collections.abc import Callable

import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.training import background_writer
from neuroceleb.training.background_writer import Writer, copied


@pytest.mark.parametrize("in_background", [False, True])
def test_all_is_done_in_order_by_the_end(in_background: bool) -> None:
    done: list[int] = []
    threads = set()

    def work(number: int) -> Callable[[], None]:
        return lambda: (done.append(number), threads.add(threading.current_thread()))[0]

    with Writer(in_background) as writer:
        for number in range(100):
            writer.do(work(number))
    assert done == list(range(100))
    assert (threading.main_thread() in threads) is not in_background


def test_who_gives_work_need_not_wait_unless_too_much_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_writer, "MOST_WAITING", 2)
    go_on = threading.Event()
    with Writer(in_background=True) as writer:
        for _ in range(3):
            writer.do(lambda: go_on.wait(30) and None)
        given = threading.Event()

        def give() -> None:
            writer.do(lambda: None)
            given.set()

        giver = threading.Thread(target=give)
        giver.start()
        assert not given.wait(0.1), "three wait already"
        go_on.set()
        assert given.wait(30)
        giver.join()


@pytest.mark.parametrize("in_background", [False, True])
def test_a_failure_is_raised_and_nothing_follows_it(in_background: bool) -> None:
    done = []

    def fail() -> None:
        raise UserError("The disk is full.")

    with pytest.raises(UserError, match="full"), Writer(in_background) as writer:
        writer.do(lambda: done.append("before"))
        writer.do(fail)
        for _ in range(200):  # heard of here, or at the end
            writer.do(lambda: done.append("after"))
    assert done == ["before"]


def test_a_failure_of_the_last_is_raised_at_the_end() -> None:
    def fail() -> None:
        raise UserError("The disk is full.")

    with pytest.raises(UserError, match="full"), Writer(in_background=True) as writer:
        writer.do(fail)


def test_where_the_training_fails_what_was_given_is_still_written() -> None:
    done = []
    with pytest.raises(ValueError, match="training"), Writer(in_background=True) as writer:
        writer.do(lambda: done.append("written"))
        raise ValueError("the training failed")
    assert done == ["written"]


def test_on_the_cpu_nothing_is_copied() -> None:
    state = {"G": {"weight": torch.ones(3)}, "groups": [{"betas": (0.5, 0.9)}], "epoch": 3}
    same, arrived = copied(state)
    assert same is state
    arrived()


def test_every_tensor_is_reached_and_all_else_kept() -> None:
    """What is done for a GPU's tensors, at its seam."""
    state = {
        "G": {"weight": torch.ones(3)},
        "groups": [{"betas": (0.5, 0.9)}],
        "pair": (torch.zeros(1),),
    }
    assert len(list(background_writer._tensors(state))) == 2
    doubled = background_writer._mapped(state, lambda tensor: tensor * 2)
    assert torch.equal(doubled["G"]["weight"], torch.full((3,), 2.0))
    assert doubled["groups"] == [{"betas": (0.5, 0.9)}]
    assert isinstance(doubled["pair"], tuple)
    assert torch.equal(state["G"]["weight"], torch.ones(3))
