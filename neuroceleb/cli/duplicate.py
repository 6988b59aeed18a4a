"""The verb `duplicate`."""

from typing import Any

import click

from neuroceleb.cli.options import as_json, given_settings, in_workspace, settings_options
from neuroceleb.cli.train import train_in_background
from neuroceleb.runs import jobs
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("new", metavar="NEW")
@settings_options
@as_json
@in_workspace
def duplicate(name: str, new: str, as_json: bool, workspace: Workspace, **flags: Any) -> None:
    """Train a new run NEW with the data and settings of RUN, except the settings given here."""
    from neuroceleb.training.session import prepare

    dataset, settings = jobs.origin(workspace, name)
    session = prepare(workspace, new, dataset, {**settings.to_json(), **given_settings(flags)})
    train_in_background(session, None, as_json)
