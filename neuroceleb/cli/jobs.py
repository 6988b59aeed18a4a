"""Verbs for trainings that run in the background, and what `train` shares with them."""

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from neuroceleb.cli.options import as_json, in_workspace, settings_options
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, queue, verdict
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings

if TYPE_CHECKING:  # it loads PyTorch, which the verbs here do without
    from neuroceleb.training.command import Session


def show_estimate(
    workspace: Workspace, name: str, dataset: str, given: dict[str, Any], in_json: bool
) -> None:
    """Print what a run will take, and what stands in its way."""
    from neuroceleb.training import estimate

    settings = Settings.checked(**given)
    found = estimate.estimate(workspace, name, dataset, settings)
    if in_json:
        print(json.dumps(found))
        return
    for line in estimate.sentences(found):
        print(line)


def put_in_line(session: "Session", epochs: int | None, in_json: bool) -> None:
    """Start a prepared or reopened run in the background, or let it wait for its device."""
    workspace, name = session.workspace, session.run.name
    if session.resume:
        jobs.resume(workspace, name, epochs)
    else:
        jobs.start(workspace, name, session.config)
    place = _place(workspace, name)
    if place is None:
        print(f"The run '{name}' is starting: {session.run.path}", file=sys.stderr)
    else:
        print(f"The run '{name}' waits; {place} before it in the queue.", file=sys.stderr)
    if in_json:
        print(json.dumps({"run": name, "path": str(session.run.path), "waits_behind": place}))


def _place(workspace: Workspace, name: str) -> int | None:
    names = [waiting.run.name for waiting in queue.queue(workspace)]
    return names.index(name) if name in names else None


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Seconds to wait.")
@click.option("--force", is_flag=True, help="If it has not ended by then, kill it.")
@in_workspace
def stop(name: str, wait: float, force: bool, workspace: Workspace) -> None:
    """Ask the training of RUN to finish its step, save and end; or take it out of the queue."""
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
            f"The run '{name}' was asked to stop and has not ended yet: look at it with the verb "
            "runs, or use --force."
        )


@click.command("queue")
@as_json
@in_workspace
def list_queue(as_json: bool, workspace: Workspace) -> None:
    """List the runs that wait for their device; start those whose turn it is."""
    queue.pump(workspace)
    waiting = queue.queue(workspace)
    if as_json:
        rows = [{"run": entry.run.name, "device": entry.device} for entry in waiting]
        print(json.dumps({"queue": rows}, ensure_ascii=False))
        return
    if not waiting:
        print("No run waits.")
    for place, entry in enumerate(waiting, start=1):
        busy = queue.busy_with(workspace, entry.device)
        print(f"{place:>3}  {entry.run.name:<32} for the {entry.device}, busy with '{busy}'")


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("new", metavar="NEW")
@in_workspace
def rename(name: str, new: str, workspace: Workspace) -> None:
    """Give RUN the name NEW."""
    print(jobs.rename(workspace, name, new).path, file=sys.stderr)


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@in_workspace
def delete(name: str, yes: bool, workspace: Workspace) -> None:
    """Delete RUN with its weights, sheets and figures, for good."""
    run = workspace.run(name)
    if not yes and not click.confirm(f"Delete {run.path} with everything in it?", err=True):
        raise UserError(f"The run '{name}' was not deleted.")
    jobs.delete(workspace, name)


@click.command()
@click.argument("name", metavar="RUN")
@click.argument("new", metavar="NEW")
@settings_options
@as_json
@in_workspace
def duplicate(name: str, new: str, as_json: bool, workspace: Workspace, **flags: Any) -> None:
    """Train a run NEW from the beginning, like RUN but for the settings given here."""
    from neuroceleb.training import command

    given = {key: value for key, value in flags.items() if value is not None}
    text, settings = jobs.origin(workspace, name)
    session = command.prepare(workspace, new, text, {**settings.to_json(), **given})
    put_in_line(session, None, as_json)


@click.command("verdict")
@click.argument("name", metavar="RUN")
@as_json
@in_workspace
def tell_verdict(name: str, as_json: bool, workspace: Workspace) -> None:
    """Say in words what the figures of RUN mean, and one thing to try."""
    judged = verdict.judge(workspace.run(name).stats())
    if judged is None:
        raise UserError(f"The run '{name}' has no figures yet: they come with its first epoch.")
    if as_json:
        print(json.dumps(dataclasses.asdict(judged)))
        return
    print(judged.sentence)
    if judged.advice:
        print(judged.advice)


VERBS = (stop, list_queue, rename, delete, duplicate, tell_verdict)
