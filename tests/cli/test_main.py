"""The command line as a whole: verbs, help, and every mistake in one sentence."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neuroceleb import __version__
from neuroceleb.cli import main
from neuroceleb.cli.explore import explore
from neuroceleb.model import checkpoint
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers

VERBS = sorted(main.VERBS)


def test_without_a_verb_it_shows_the_verbs(here: helpers.Here) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "neuroceleb"],
        env=helpers.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert all(verb in done.stdout for verb in VERBS)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_its_version_is_shown(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([flag])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"neuroceleb {__version__}\n"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in {"explore", "persons"}])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_verb_explains_itself(verb: str, flag: str, here: helpers.Here) -> None:
    outcome = here(verb, flag)
    assert outcome.code == 0
    assert outcome.out.startswith("Usage: neuroceleb")
    assert "--workspace" in outcome.out


@pytest.mark.parametrize("verb", explore.commands)
def test_every_verb_of_explore_explains_itself(verb: str, here: helpers.Here) -> None:
    outcome = here("explore", verb, "--help")
    assert outcome.out.startswith(f"Usage: neuroceleb explore {verb}")
    assert "--workspace" in outcome.out


def test_train_has_a_flag_for_every_setting_with_its_default(here: helpers.Here) -> None:
    from neuroceleb.settings import Settings

    text = " ".join(here("train", "--help").out.split())
    for name, value in Settings().to_json().items():
        assert f"--{name.replace('_', '-')} " in text
        assert f"[default: {value}]" in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["fly"], "fly"),
        (["sample"], "MODEL"),
        (["sample", "m", "--out", "x"], "--seeds"),
        (["sample", "m", "--seeds", "1"], "--out"),
        (["export", "m", "--format", "onnxx", "--out", "x"], "onnxx"),
        (["export", "m", "--format", "pth"], "--out"),
        (["runs", "--colour"], "--colour"),
        (["doctor", "extra"], "extra"),
        (["train", "--run=a", "--epochs"], "--epochs"),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], named: str, here: helpers.Here) -> None:
    here(*words).assert_refused(named)


def test_a_mistake_in_a_real_process(tmp_path: Path) -> None:
    helpers.command(tmp_path, "sample", "nobody", "--seeds", "1", "--out", "x").assert_refused(
        "'nobody' is no run"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_is_none_is_named(here: helpers.Here, tmp_path: Path) -> None:
    here.workspace = tmp_path / "nowhere"
    here("runs").assert_refused("nowhere")


def test_the_workspace_may_come_from_the_environment(tmp_path: Path) -> None:
    create_run(Workspace(tmp_path), "mine", {})
    done = subprocess.run(
        [sys.executable, "-m", "neuroceleb", "runs", "--json"],
        env=helpers.environment() | {"NEUROCELEB_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [run["name"] for run in json.loads(done.stdout)["runs"]] == ["mine"]


def test_it_runs_from_a_plain_copy_of_its_folder(tmp_path: Path) -> None:
    """No installed metadata, no repository around it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "neuroceleb").symlink_to(helpers.ROOT / "neuroceleb")
    done = subprocess.run(
        [sys.executable, "-m", "neuroceleb", "runs", "--workspace", str(tmp_path)],
        cwd=tmp_path / "elsewhere",
        env=helpers.environment() | {"PYTHONPATH": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# runs --------------------------------------------------------------------------------------


def test_runs_as_json(here: helpers.Here) -> None:
    assert json.loads(here("runs", "--json").out) == {"runs": [], "damage": []}
    workspace = Workspace(here.workspace)
    create_run(workspace, "얼굴", {}).write_status(
        {"state": "finished", "epoch": 3, "epochs": 3, "images_seen": 120}
    )
    create_run(workspace, "gone", {}).write_status({"state": "running", "epoch": 1})
    create_run(workspace, "new", {})
    outcome = here("runs", "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)["runs"]
    assert [(run["name"], run["state"], run["epoch"]) for run in found] == [
        ("gone", "lost", 1),
        ("new", "stopped", 0),
        ("얼굴", "finished", 3),
    ]


def test_runs_for_the_eyes(here: helpers.Here) -> None:
    assert "No runs in" in here("runs").out
    run = create_run(Workspace(here.workspace), "mine", {})
    run.write_status({"state": "stopped", "epoch": 3, "epochs": 9})
    (line,) = here("runs").out.splitlines()
    assert line.split() == ["mine", "stopped", "epoch", "3", "of", "9"]


def test_damaged_runs_are_still_listed(here: helpers.Here) -> None:
    for name in ("one", "two"):
        path = here.workspace / "checkpoints" / name
        path.mkdir(parents=True)
        (path / "config.json").write_bytes(b"\xff")
        (path / "status.json").write_bytes(b'{"state": "runn')
    found = json.loads(here("runs", "--json").out)["runs"]
    assert [run["name"] for run in found] == ["one", "two"]


def test_a_run_whose_name_is_no_text_is_reported(here: helpers.Here) -> None:
    path = here.workspace / "checkpoints" / os.fsdecode(b"caf\xe9")
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    shutil.copytree(path, path.with_name("a\nb"))
    create_run(Workspace(here.workspace), "mine", {})
    outcome = json.loads(here("runs", "--json").out)
    assert [run["name"] for run in outcome["runs"]] == ["mine"]
    assert "caf? has a name that no run can have" in outcome["damage"][1]
    assert len(outcome["damage"]) == 2


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_that_goes_away_is_no_error(buffered: bool, count: int, tmp_path: Path) -> None:
    for number in range(count):
        create_run(Workspace(tmp_path), f"run {number:03d} of a name that fills a pipe", {})
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "neuroceleb", "runs", "--workspace", str(tmp_path)],
        env=helpers.environment() | {"PYTHONUNBUFFERED": "" if buffered else "1"},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode in {0, 1}  # 1 is click's


# export ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_export_of_a_runs_epoch(
    kind: str, finished: Run, here: helpers.Here, tmp_path: Path
) -> None:
    out = tmp_path / "new" / f"face.{kind}"
    outcome = here("export", finished.path, "--epoch", "1", "--format", kind, "--out", out)
    assert outcome.code == 0, outcome.err
    ours, _ = checkpoint.load_generator(out)
    expected, _ = checkpoint.load_generator(finished.weights(1))
    assert str(ours.state_dict()) == str(expected.state_dict())
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_export_of_an_epoch_not_kept_is_refused(finished: Run, here: helpers.Here) -> None:
    arguments = ("--epoch", "77", "--format", "pth", "--out", here.workspace / "a.pth")
    here("export", finished.path, *arguments).assert_refused("no epoch 77", "0, 1, 2, 3")
    assert not (here.workspace / "a.pth").exists()


def test_export_of_the_mean_of_epochs(finished: Run, here: helpers.Here, tmp_path: Path) -> None:
    out = tmp_path / "mean.safetensors"
    words = ("export", finished.path, "--format", "safetensors", "--out", out)
    outcome = here(*words, "--average", "1", "3")
    assert outcome.code == 0, outcome.err
    assert "The mean of the epochs 1, 2, 3." in outcome.err
    ours, config = checkpoint.load_generator(out)
    assert config["average_of_epochs"] == [1, 2, 3]
    kept = [checkpoint.load_generator(finished.weights(epoch))[0] for epoch in (1, 2, 3)]
    for average, *weights in zip(
        ours.parameters(), *(network.parameters() for network in kept), strict=True
    ):
        assert torch.allclose(average, torch.stack(weights).mean(0), atol=1e-6)
    assert here("sample", out, "--seeds", "0-3", "--out", tmp_path / "a.png").code == 0


def test_a_mean_that_cannot_be_exported_is_refused(
    finished: Run, here: helpers.Here, tmp_path: Path
) -> None:
    out = tmp_path / "mean"
    words = ("export", finished.path, "--out", out, "--average", "0", "2")
    here(*words, "--format", "html").assert_refused("--format html")
    here(*words, "--format", "pth", "--epoch", "1").assert_refused("exclude each other")
    far = ("export", finished.path, "--out", out, "--format", "pth", "--average", "8", "9")
    here(*far).assert_refused("no epoch 9")
    alone = tmp_path / "alone.safetensors"
    shutil.copy(finished.weights(1), alone)
    here("export", alone, *words[2:], "--format", "pth").assert_refused("is one file")
    assert not out.exists()


def test_models_by_name_directory_and_file_are_the_same(
    finished: Run, here: helpers.Here, tmp_path: Path
) -> None:
    here.workspace = finished.path.parents[1]
    blobs = []
    for number, model in enumerate([finished.name, finished.path, finished.weights()]):
        out = tmp_path / str(number)
        assert here("sample", model, "--seeds", "42", "--out", out).code == 0
        blobs.append((out / "seed_0042.png").read_bytes())
    assert len(set(blobs)) == 1


def test_files_named_like_nothing_on_earth(here: helpers.Here, tmp_path: Path) -> None:
    path = tmp_path / "모델 😀.pth"
    checkpoint.save_pth(path, helpers.random_generator())
    outcome = here("sample", path, "--seeds", "1", "--out", tmp_path / "얼굴 😀")
    assert outcome.code == 0, outcome.err
    assert os.listdir(tmp_path / "얼굴 😀") == ["seed_0001.png"]


@pytest.mark.parametrize(
    "words",
    [
        ("persons", "list", "{path}"),
        ("crop", "{photo}", "--out", "{path}"),
        ("crop", "{path}", "--out", "faces"),
        ("train", "{path}", "--run", "one", "--dry-run"),
        ("sample", "{path}", "--seeds", "0", "--out", "o.png"),
        ("import", "{path}", "--run", "one"),
        ("export", "{path}", "--format", "pth", "--out", "o.pth"),
    ],
)
@pytest.mark.parametrize("name", ["circle", "a" * 300])
def test_a_path_that_no_file_can_have_is_one_sentence(
    words: tuple[str, ...], name: str, here: helpers.Here, tmp_path: Path
) -> None:
    (tmp_path / "circle").symlink_to("circle")
    helpers.photo(1).save(tmp_path / "photo.png")
    paths = {"path": tmp_path / name, "photo": tmp_path / "photo.png"}
    here(*(word.format(**paths) for word in words)).assert_refused(name[:40])


def test_export_never_replaces_what_is_no_file(
    finished: Run, here: helpers.Here, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    weights = finished.weights()
    for path in (tmp_path / "pipe.pth", "", ".", "/"):
        outcome = here("export", weights, "--format", "pth", "--out", path)
        outcome.assert_refused("name a file")
    assert (tmp_path / "pipe.pth").is_fifo()


@pytest.mark.parametrize("words", [("project", "{path}"), ("walk", "{path}", "--direction", "1")])
def test_a_pipe_or_device_is_no_photo_and_no_face(
    words: tuple[str, ...], finished: Run, here: helpers.Here, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        verb, *others = (word.format(path=path) for word in words)
        here("explore", verb, finished.weights(), *others, "--out", "o.png").assert_refused(
            path.name
        )
