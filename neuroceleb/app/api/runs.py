"""Endpoints for runs: list, status, verdict, timelapse, train, stop, resume, evaluate."""

import dataclasses
from pathlib import Path

import gradio as gr

from neuroceleb import video
from neuroceleb.app.api.context import (
    LAST_EPOCH,
    Context,
    Record,
    as_file,
    check_names,
    suffix_of,
)
from neuroceleb.app.parameters import read_whole
from neuroceleb.data import dataset
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import jobs, launch, starts, timelapse, verdict
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import check_name
from neuroceleb.settings import AUTO, NONE, Settings

EVALUATE_LIMIT_S = 3_600


def list_runs(context: Context) -> list[Record]:
    """List all runs: name, state, epoch, epochs planned, images seen, and the epochs kept."""
    return [_run_record(run) for run in context.workspace.runs()]


def run_status(context: Context, run: str) -> Record:
    """Report the status of a run and its newest row of figures; its message only to who may train.

    Args:
        run: Name of a run.
    """
    found = context.workspace.run(run)
    rows, status = found.stats(), found.status()
    if not context.access.is_open:  # messages name files and folders of the server
        status = {key: value for key, value in status.items() if not key.startswith("message")}
    return {**status, "name": found.name, "newest": rows[-1] if rows else {}}


def run_verdict(context: Context, run: str) -> Record:
    """Say in words what the figures of a run mean, with the evidence and one thing to try.

    Args:
        run: Name of a run.
    """
    found = verdict.judge(context.workspace.run(run).stats())
    return {} if found is None else found.to_json()


def make_timelapse(context: Context, run: str, file_format: str = "mp4") -> gr.FileData:
    """Make a film of how a run learned: its sample sheets, epoch by epoch, above the curves.

    Args:
        run: Name of a run.
        file_format: mp4 or gif.
    """
    suffix = suffix_of(file_format, video.ANIMATED_SUFFIXES)
    plan = timelapse.plan(context.workspace.run(run), suffix)
    path = context.new_file(f"timelapse{suffix}")
    timelapse.write(plan, path)
    return as_file(path)


def train(context: Context, dataset_name: str, run: str, settings: Record | None = None) -> Record:
    """Start a training in the background, or queue it where the device is busy.

    Args:
        dataset_name: Name of a dataset, see /datasets; where the server is only reachable from its
            own machine, also the path of a folder or zip.
        run: Name of the new run.
        settings: Settings that differ from the defaults, by name, for example {"epochs": 20}.
    """
    context.access.check(Message("train"))
    source, checked = read_training(context, dataset_name, settings)
    config = jobs.new_config(context.workspace, source, checked)
    return _run_record(jobs.start(context.workspace, check_name(run), config))


def estimate(
    context: Context, dataset_name: str, run: str, settings: Record | None = None
) -> Record:
    """Measure what a training would take, and report what would refuse its start.

    Args:
        dataset_name: Name of a dataset, see /datasets.
        run: Name of the new run.
        settings: Settings that differ from the defaults, by name.
    """
    context.access.check(Message("train"))
    _, checked = read_training(context, dataset_name, settings)
    return jobs.estimate(context.workspace, check_name(run), dataset_name, checked)


def stop(context: Context, run: str) -> Record:
    """Ask a training to finish its step, save and end; or take it out of the queue.

    Args:
        run: Name of a run.
    """
    context.access.check(Message("train"))
    jobs.stop(context.workspace, run)
    return _run_record(context.workspace.run(run))


def resume(context: Context, run: str, epochs: int = 0) -> Record:
    """Continue a run that was stopped, failed or was lost.

    Args:
        run: Name of a run.
        epochs: New number of epochs in all; 0 keeps the number planned.
    """
    context.access.check(Message("train"))
    return _run_record(jobs.resume(context.workspace, run, epochs or None))


def evaluate(context: Context, model: str, epoch: int = -1, n: int = 512) -> Record:
    """Measure the quality of a model's faces against held-out real faces. Takes minutes.

    Args:
        model: Name of a run whose dataset is still in place.
        epoch: A kept epoch of the run; -1 for the last.
        n: Number of generated faces, 64 to 4096.
    """
    context.access.check(Message("evaluate"))
    read_whole(n, Message("n"), 64, 4_096)
    run = context.workspace.run(model)
    options = [f"--n={n}", *([] if epoch == LAST_EPOCH else [f"--epoch={epoch}"])]
    return launch.run_verb(
        context.workspace, "evaluate", [*options, "--json", "--", run.name], EVALUATE_LIMIT_S
    )


def _run_record(run: Run) -> Record:
    status = run.status()
    known = {key: status.get(key, 0) for key in ("epoch", "epochs", "images_seen")}
    return {"name": run.name, "state": status["state"], **known, "kept": list(run.kept())}


def read_training(
    context: Context, dataset_name: str, settings: Record | None
) -> tuple[Path, Settings]:
    """The dataset's place and the checked settings of a new run; raises UserError."""
    if not context.access.is_local and dataset_name not in context.workspace.dataset_names():
        raise UserError(
            "'{path}' is not under datasets/: only those can be used here.",
            path=dataset_name[:100],
        )
    given = settings or {}
    known = {spec.name for spec in dataclasses.fields(Settings)}
    check_names(Message("setting"), given, known, "train")
    checked = Settings.checked(**given)
    shipped = {run.name for run in starts.candidates(context.workspace)}
    if not context.access.is_local and checked.start_from not in {"", AUTO, NONE, *shipped}:
        context.workspace.run(checked.start_from)  # a run, never a path
    return dataset.locate(dataset_name, context.workspace.datasets), checked
