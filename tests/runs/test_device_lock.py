"""One run at a time on a device of a workspace."""

from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.runs import device_lock
from neuroceleb.runs.workspace import Workspace


@pytest.mark.parametrize(
    ("setting", "gpu", "device"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", False, "cuda"),
    ],
)
def test_the_device_of_a_setting(
    setting: str, gpu: bool, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_lock, "_has_gpu", lambda: gpu)
    assert device_lock.device_for(setting) == device


def test_a_device_is_locked_by_one_run(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert device_lock.holder(workspace, "cpu") is None
    with device_lock.locked(workspace, "cpu", "one"):
        assert device_lock.holder(workspace, "cpu") == "one"
        assert device_lock.holder(workspace, "cuda") is None
        with (
            pytest.raises(UserError, match="The CPU is busy with the run 'one'"),
            device_lock.locked(workspace, "cpu", "two"),
        ):
            pass
        with (
            pytest.raises(UserError, match="'one' is running in another process"),
            device_lock.locked(workspace, "cpu", "one"),
        ):
            pass
    assert device_lock.holder(workspace, "cpu") is None
