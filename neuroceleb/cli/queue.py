"""The verb `queue`."""

import sys

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.runs import device_lock, launch, queue
from neuroceleb.runs.workspace import Workspace


@click.command("queue")
@as_json
@in_workspace
def list_queue(as_json: bool, workspace: Workspace) -> None:
    """Start the runs whose device is free; list those that wait."""
    launch.start_next(workspace)
    entries = queue.entries(workspace)
    if as_json:
        rows = [{"run": entry.run.name, "device": entry.device} for entry in entries]
        print_json({"queue": rows})
        return
    for sentence in queue.damage(workspace):
        print(sentence, file=sys.stderr)
    if not entries:
        print("No run waits.")
    for place, entry in enumerate(entries, start=1):
        other = device_lock.holder(workspace, entry.device)
        print(f"{place:>3}  {entry.run.name:<32} for the {entry.device}, busy with '{other}'")
