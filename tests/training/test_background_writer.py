"""The background writer: tasks run in order, none is lost, and errors are raised."""

import threading
from collections.abc import Callable

import pytest
import torch

from neuroceleb.errors import UserError
from neuroceleb.training import background_writer
from neuroceleb.training.background_writer import Writer, copy_to_host


@pytest.mark.parametrize("in_background", [False, True])
def test_all_tasks_run_in_order(in_background: bool) -> None:
    done: list[int] = []
    threads = set()

    def task(number: int) -> Callable[[], None]:
        return lambda: (done.append(number), threads.add(threading.current_thread()))[0]

    with Writer(in_background) as writer:
        for number in range(100):
            writer.submit(task(number))
    assert done == list(range(100))
    assert (threading.main_thread() in threads) is not in_background


def test_submit_blocks_only_when_too_many_tasks_are_pending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background_writer, "MAX_PENDING", 2)
    release = threading.Event()
    with Writer(in_background=True) as writer:
        for _ in range(3):
            writer.submit(lambda: release.wait(30) and None)
        submitted = threading.Event()

        def submit() -> None:
            writer.submit(lambda: None)
            submitted.set()

        thread = threading.Thread(target=submit)
        thread.start()
        assert not submitted.wait(0.1), "three are pending already"
        release.set()
        assert submitted.wait(30)
        thread.join()


@pytest.mark.parametrize("in_background", [False, True])
def test_a_failure_is_raised_and_later_tasks_do_not_run(in_background: bool) -> None:
    done = []

    def fail() -> None:
        raise UserError("The disk is full.")

    with pytest.raises(UserError, match="full"), Writer(in_background) as writer:
        writer.submit(lambda: done.append("before"))
        writer.submit(fail)
        for _ in range(200):  # raised here, or at the end
            writer.submit(lambda: done.append("after"))
    assert done == ["before"]


def test_a_failure_of_the_last_task_is_raised_at_the_end() -> None:
    def fail() -> None:
        raise UserError("The disk is full.")

    with pytest.raises(UserError, match="full"), Writer(in_background=True) as writer:
        writer.submit(fail)


def test_pending_tasks_run_where_the_training_fails() -> None:
    done = []
    with pytest.raises(ValueError, match="training"), Writer(in_background=True) as writer:
        writer.submit(lambda: done.append("written"))
        raise ValueError("the training failed")
    assert done == ["written"]


def test_cpu_tensors_are_not_copied() -> None:
    state = {"G": {"weight": torch.ones(3)}, "groups": [{"betas": (0.5, 0.9)}], "epoch": 3}
    same, wait = copy_to_host(state)
    assert same is state
    wait()


def test_nested_tensors_are_mapped_and_other_values_kept() -> None:
    state = {
        "G": {"weight": torch.ones(3)},
        "groups": [{"betas": (0.5, 0.9)}],
        "pair": (torch.zeros(1),),
    }
    assert len(list(background_writer._tensors(state))) == 2
    doubled = background_writer._map_tensors(state, lambda tensor: tensor * 2)
    assert torch.equal(doubled["G"]["weight"], torch.full((3,), 2.0))
    assert doubled["groups"] == [{"betas": (0.5, 0.9)}]
    assert isinstance(doubled["pair"], tuple)
    assert torch.equal(state["G"]["weight"], torch.ones(3))
