"""The verb `runs`."""

import sys
from typing import Any

import click

from neuroceleb.cli.options import as_json, in_workspace
from neuroceleb.cli.output import print_json
from neuroceleb.runs import queue
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace


@click.command("runs")
@as_json
@in_workspace
def list_runs(as_json: bool, workspace: Workspace) -> None:
    """List the runs with their states and epochs, and what is damaged."""
    runs = workspace.runs()
    rows = [_row(run) for run in runs]
    damage = [*workspace.unnamed(), *queue.damage(workspace)]
    damage += [sentence for run in runs for sentence in run.damage()]
    if as_json:
        print_json({"runs": rows, "damage": damage})
        return
    for sentence in damage:
        print(sentence, file=sys.stderr)
    if not rows:
        print(f"No runs in {workspace.checkpoints} yet: start one with the verb train.")
    for row in rows:
        print(f"{row['name']:<32} {row['state']:<9} epoch {row['epoch']} of {row['epochs']}")


def _row(run: Run) -> dict[str, Any]:
    status = run.status()
    counts = {key: status.get(key, 0) for key in ("epoch", "epochs", "images_seen")}
    return {"name": run.name, "state": status["state"], **counts}
