"""Endpoints for datasets: list them, and make one from photos."""

import dataclasses

import gradio as gr

from neuroceleb import bounds
from neuroceleb.app.api.context import Context, Record, check_names
from neuroceleb.app.parameters import read_whole
from neuroceleb.data.faces.rules import Rules
from neuroceleb.errors import Message
from neuroceleb.runs import launch
from neuroceleb.runs.workspace import check_name

MAX_PHOTOS = 10_000
CROP_LIMIT_S = 3_600


def list_datasets(context: Context) -> list[str]:
    """List the names of the datasets under `datasets/`."""
    return context.workspace.dataset_names()


def crop(
    context: Context, photos: list[gr.FileData], dataset_name: str, rules: Record | None = None
) -> Record:
    """Find, align and judge the faces in photos, and save them as a dataset on this machine.

    Photos are detected with YuNet on this machine and are never sent anywhere. Photos for a
    dataset that exists are added to it.

    Args:
        photos: Photos or zips of photos, as files or as data: URLs. No other URL is fetched.
        dataset_name: Name of the dataset.
        rules: Rules that differ from the defaults, by name, for example {"max_yaw": 30}.
    """
    context.access.check(Message("add photos"))
    check_name(dataset_name)
    checked = _rules(rules or {})
    read_whole(len(photos), Message("The number of files"), 1, MAX_PHOTOS)
    changed = [f"{bounds.flag(name)}={getattr(checked, name)}" for name in (rules or {})]
    paths = [str(context.upload(photo)) for photo in photos]
    options = [f"--out={dataset_name}", *changed, "--json", "--", *paths]
    result = launch.run_verb(context.workspace, "crop", options, CROP_LIMIT_S)
    return {key: value for key, value in result.items() if key != "dataset"} | {
        "dataset": dataset_name
    }


def _rules(given: Record) -> Rules:
    check_names(Message("rule"), given, {spec.name for spec in dataclasses.fields(Rules)}, "crop")
    return Rules.checked(**given)
