"""The photos of a run to compare with: found, changed or missing."""

import json
from pathlib import Path

import pytest

from neuroceleb.errors import UserError
from neuroceleb.metrics import training_photos
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from tests import helpers


def test_the_photos_of_a_run_are_found_changed_or_gone(finished: Run, tmp_path: Path) -> None:
    workspace = Workspace(finished.path.parents[1])
    check, remark = training_photos.check_of_run(finished, workspace)
    assert len(check) == helpers.PHOTOS
    assert remark is None
    config = finished.config()
    run = Run(tmp_path / "checkpoints" / "moved")
    run.path.mkdir(parents=True)
    for described, message in (
        ({**config["dataset"], "fingerprint": "0"}, "has changed"),
        ({**config["dataset"], "path": "no-such-photos"}, "are gone from here"),
        ({}, "does not say"),
    ):
        (run.path / "config.json").write_text(json.dumps({**config, "dataset": described}))
        if message == "has changed":
            assert message in str(training_photos.check_of_run(run, workspace)[1])
        else:
            with pytest.raises(UserError, match=message):
                training_photos.check_of_run(run, workspace)
