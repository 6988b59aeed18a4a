"""Background tasks: queue, progress, results, cancellation, expiry, files."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from neuroceleb.app import background, server
from neuroceleb.app.background import Kind, Task, Tasks
from neuroceleb.errors import Message, UserError
from tests import helpers

KIND = Kind("test", 3, Message("Too many tests."), abandoned_after_s=60.0, kept_s=60.0, max_kept=2)


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    made = Tasks(tmp_path / "tasks")
    yield made
    made.close()


def until_cancelled(task: Task) -> dict[str, Any]:
    while True:
        task.report(0.5, {"step": 1})
        time.sleep(0.01)


def write(task: Task) -> dict[str, Any]:
    task.file.write_bytes(b"content")
    return {"fine": True}


def ended(task: Task) -> dict[str, Any]:
    assert task.wait(helpers.PATIENCE_S)
    return task.poll()


def test_a_task_reports_and_is_cancelled(tasks: Tasks) -> None:
    task = tasks.submit(KIND, until_cancelled)
    helpers.wait_for(lambda: len(task.poll()["updates"]) > 2)
    status = task.poll(since=2)
    assert (status["state"], status["progress"]) == ("running", 0.5)
    assert len(status["updates"]) < len(task.poll()["updates"])
    task.cancel()
    assert ended(task)["state"] == "cancelled"
    assert tasks.get(task.key) is task, "its end can be polled again"


def test_tasks_of_a_kind_run_one_at_a_time_and_few_wait(tasks: Tasks) -> None:
    first = tasks.submit(KIND, until_cancelled)
    second, third = (tasks.submit(KIND, lambda _: {"fine": True}) for _ in range(2))
    with pytest.raises(UserError, match=r"Too many tests\."):
        tasks.submit(KIND, lambda _: {})
    other = dataclasses.replace(KIND, name="other")
    assert ended(tasks.submit(other, lambda _: {"n": 1}))["result"] == {"n": 1}
    assert second.state == "queued"
    third.cancel()
    first.cancel()
    assert ended(second)["result"] == {"fine": True}
    assert ended(third)["state"] == "cancelled", "before it began"


def test_a_task_that_nobody_polls_is_cancelled(tasks: Tasks) -> None:
    task = tasks.submit(dataclasses.replace(KIND, abandoned_after_s=0.05), until_cancelled)
    assert ended(task)["state"] == "cancelled"


def secret_fault(_: Task) -> dict[str, Any]:
    raise ZeroDivisionError("secret")


def user_error(_: Task) -> dict[str, Any]:
    raise UserError("The photos are gone.")


def full_disk(_: Task) -> dict[str, Any]:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (user_error, "The photos are gone."),
        (secret_fault, "Something went wrong on the server"),
        (full_disk, "No space left on device): make room"),
    ],
)
def test_a_failure_is_one_sentence(
    tasks: Tasks, work: Callable[[Task], dict[str, Any]], words: str
) -> None:
    status = ended(tasks.submit(KIND, work))
    assert status["state"] == "failed"
    assert words in status["error"]
    assert "secret" not in status["error"]


def test_files_are_served_and_removed(tasks: Tasks, tmp_path: Path) -> None:
    app = FastAPI()
    app.add_exception_handler(UserError, server._error_json)
    background.add_routes(app, tasks)
    client = TestClient(app)
    running = tasks.submit(KIND, until_cancelled, "a.bin")
    assert "not ready" in client.get(f"/tasks/{running.key}/file").json()["error"]
    assert client.delete(f"/tasks/{running.key}").json() == {}
    made = [tasks.submit(KIND, write, "사람.bin") for _ in range(2)]
    assert ended(made[1])["result"] == {"fine": True}
    answer = client.get(f"/tasks/{made[1].key}/file")
    assert answer.content == b"content"
    assert "filename*=UTF-8''%EC%82%AC%EB%9E%8C.bin" in answer.headers["content-disposition"]
    assert client.get(f"/tasks/{made[1].key}").json()["state"] == "done"
    tasks.expire()  # the newest two are kept
    assert "no such task" in client.get(f"/tasks/{running.key}").json()["error"]
    for path in ("nothing", "nothing/file"):
        assert "no such task" in client.get(f"/tasks/{path}").json()["error"]
    tasks.close()
    assert list((tmp_path / "tasks").iterdir()) == []


def test_ended_tasks_expire_with_their_files(tasks: Tasks, tmp_path: Path) -> None:
    task = tasks.submit(dataclasses.replace(KIND, kept_s=0.0), write, "a.bin")
    assert task.wait(helpers.PATIENCE_S)
    with pytest.raises(UserError, match="no such task"):
        tasks.get(task.key)
    tasks.expire()
    assert not task.file.exists()


def test_files_of_a_killed_server_are_removed(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = tmp_path / "tasks" / "old.mp4"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"x")
    tasks.expire()
    assert leftover.exists(), "it may be another server's"
    monkeypatch.setattr(background, "LEFTOVER_S", -1.0)
    tasks.expire()
    assert not leftover.exists()


def test_closing_ends_what_runs_and_refuses_more(tasks: Tasks) -> None:
    task = tasks.submit(KIND, until_cancelled)
    tasks.close()
    assert task.state == "cancelled"
    with pytest.raises(UserError, match=r"Too many tests\."):
        tasks.submit(KIND, lambda _: {})


def test_repeated_work_survives_user_errors_and_ends() -> None:
    calls: list[threading.Event] = []

    def work(is_ended: threading.Event) -> None:
        calls.append(is_ended)
        raise UserError("Busy.")

    stop = background.repeat("test", 0.001, work)
    helpers.wait_for(lambda: len(calls) > 2)
    stop()
    assert calls[0].is_set()
