"""The verb `stop`."""

import sys

import click

from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs
from neuroceleb.runs.workspace import Workspace


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait.")
@click.option("--force", is_flag=True, help="If it has not ended by then, kill it.")
@in_workspace
def stop(name: str, wait: float, force: bool, workspace: Workspace) -> None:
    """Request the training of RUN to finish its step, save and end; or take it out of the queue."""
    run = workspace.run(name)
    jobs.stop(workspace, name)
    seconds = max(wait, jobs.GRACE_S + 1) if force else wait
    if jobs.wait_for_end(run, seconds):
        print(f"The run '{name}' is {run.state()}.", file=sys.stderr)
    elif force:
        jobs.force_stop(workspace, name)
        print(f"The run '{name}' was ended by force.", file=sys.stderr)
    else:
        raise UserError(
            "The run '{name}' was requested to stop and has not ended yet: look at it with the "
            "verb runs, or use --force.",
            name=name,
        )
