"""`python -m neuroceleb <verb>`: everything the browser can do, on a machine without one.

Exit code 0, or 2 with one sentence on stderr for what the user can mend.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from neuroceleb import images
from neuroceleb.cli import crop, evaluate, explore, interpolate, jobs, timelapse
from neuroceleb.cli import doctor as machine
from neuroceleb.cli.options import as_json as _as_json
from neuroceleb.cli.options import in_workspace as _in_workspace
from neuroceleb.cli.options import make_folder
from neuroceleb.cli.options import settings_options as _settings_options
from neuroceleb.errors import UserError
from neuroceleb.latent.seeds import check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs import queue as queueing
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.training import torchrun

SAMPLES_AT_ONCE = 256
MAX_JUDGED = 4_096


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave the process with its exit code."""
    try:
        cli.main(arguments, prog_name="python -m neuroceleb", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _leave(error.format_message())
    except UserError as error:
        _leave(str(error))
    except (click.Abort, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has gone: let nothing be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _leave(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Turn a folder of photos into a face GAN, and walk around in it."""


@cli.command()
@click.argument("dataset", required=False)
@click.option(
    *("--run", "--run-name", "name"),
    metavar="NAME",
    required=True,
    help="Name of the run; after torchrun, which takes --run for its own, --run-name.",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped or lost.")
@click.option("--dry-run", is_flag=True, help="Show the whole configuration and stop there.")
@click.option("--estimate", is_flag=True, help="Tell what it will take, from a few real steps.")
@click.option("--queue", is_flag=True, help="Train in the background, once the device is free.")
@_settings_options
@_as_json
@_in_workspace
def train(
    dataset: str | None,
    name: str,
    resume: bool,
    dry_run: bool,
    estimate: bool,
    queue: bool,
    as_json: bool,
    workspace: Workspace,
    **flags: Any,
) -> None:
    """Train on DATASET: a folder or zip of images, or a name under datasets/.

    Stop it with Ctrl-C, SIGTERM or an empty file `stop` in the run directory: the step ends,
    the state is saved, and --resume goes on from there. One run trains at a time on a device of
    a workspace: another is refused, or with --queue waits for its turn.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    if dataset is None and not resume:
        raise UserError("Missing DATASET: name a folder or zip of images to train on.")
    if estimate:
        if resume:
            raise UserError("--estimate is for a new run: leave out --resume.")
        jobs.show_estimate(workspace, name, str(dataset), given, as_json)
        return
    given = torchrun.with_world_size(given)
    if torchrun.rank() > 0:
        from neuroceleb.training import command

        command.follow(workspace)
        return
    with queueing.at_work(workspace, name) as locks:
        from neuroceleb.training import command

        if resume:
            session = command.reopen(workspace, name, dataset, given)
        else:
            session = command.prepare(workspace, name, str(dataset), given)
        if dry_run:
            print(json.dumps(session.config, indent=2, ensure_ascii=False))
        elif queue:
            jobs.put_in_line(session, given.get("epochs"), as_json)
        elif torchrun.is_needed(session.settings):
            again = _train_arguments(workspace, name, dataset, resume, as_json, given)
            torchrun.train(session.run, workspace, session.settings, again, locks)
        else:
            outcome = command.carry_out(session, locks)
            if as_json:
                print(json.dumps(outcome))


def _train_arguments(
    workspace: Workspace,
    name: str,
    dataset: str | None,
    resume: bool,
    as_json: bool,
    given: dict[str, Any],
) -> list[str]:
    """The command line of this very training, for other processes."""
    switches = {"--resume": resume, "--json": as_json}
    return [
        *("train", f"--workspace={workspace.root.resolve()}", f"--run={name}"),
        *(switch for switch, is_on in switches.items() if is_on),
        *(f"--{key.replace('_', '-')}={value}" for key, value in given.items()),
        *(() if dataset is None else ("--", dataset)),
    ]


@cli.command()
@click.argument("model")
@click.option("--seeds", required=True, metavar="0-63,99", help="Seeds and ranges of seeds.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Sheet, or folder.")
@click.option("--truncation", type=float, default=1.0, show_default=True, help="Scales z, 0 to 2.")
@click.option("--epoch", type=int, help="One of the run's kept epochs; the last by default.")
@click.option(
    "--best", "best_of", type=int, metavar="N", help="Only the N best, by D and landmarks."
)
@_as_json
@_in_workspace
def sample(
    model: str,
    seeds: str,
    out: Path,
    truncation: float,
    epoch: int | None,
    best_of: int | None,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Draw faces of MODEL: a run's name, a run directory, or a weights file.

    --out ending in .png, .jpg or .webp is one sheet; anything else is a folder with one PNG of
    64x64 pixels a seed.
    """
    chosen = parse_seeds(seeds)
    check_truncation(truncation)
    weights = workspace.weights(model, epoch)
    if best_of is not None:
        chosen = _best(weights, chosen, truncation, best_of)
    draw = _draw_sheet if out.suffix.lower() in images.SUFFIXES else _draw_folder
    draw(weights, chosen, truncation, out)
    print(f"{len(chosen):,} faces of {weights} in {out}", file=sys.stderr)
    if as_json:
        print(json.dumps({"out": str(out), "model": str(weights), "faces": len(chosen)}))


def _best(weights: Path, seeds: list[int], truncation: float, count: int) -> list[int]:
    """The best of the seeds, the best first; the rest is told."""
    if not 1 <= count <= len(seeds) <= MAX_JUDGED:
        raise UserError(
            f"--best {count} of {len(seeds):,} seeds cannot be: name {MAX_JUDGED:,} seeds at most, "
            "and fewer than those as the best."
        )
    from neuroceleb.metrics import best_of as best
    from neuroceleb.model import generator

    model = generator.load(weights)
    faces = model.images(z_from_seeds(seeds, model.nz, truncation))
    netD = Run(weights.parent).discriminator_file
    ranking = best.rank(faces, netD if netD.is_file() else None)
    share = 1 - count / len(seeds)
    by = "D and landmarks" if netD.is_file() else "landmarks alone, for there is no D"
    print(
        f"The best {count:,} of {len(seeds):,} by {by}: {len(seeds) - count:,} left out "
        f"({share:.0%}); in {sum(not one.is_well_formed for one in ranking):,} of all, something "
        "was out of place.",
        file=sys.stderr,
    )
    return [seeds[one.index] for one in ranking[:count]]


def _draw_sheet(weights: Path, seeds: list[int], truncation: float, out: Path) -> None:
    from neuroceleb.model import generator

    model = generator.load(weights)
    make_folder(out.parent)
    faces = model.images(z_from_seeds(seeds, model.nz, truncation))
    recipe = {**model.recipe, "seeds": seeds[:1_000], "truncation": truncation}
    images.save(out, images.grid(faces), recipe)


def _draw_folder(weights: Path, seeds: list[int], truncation: float, out: Path) -> None:
    from tqdm import tqdm

    from neuroceleb.model import generator

    model = generator.load(weights)
    make_folder(out)
    with tqdm(total=len(seeds), unit=" faces", disable=None) as bar:
        for start in range(0, len(seeds), SAMPLES_AT_ONCE):
            part = seeds[start : start + SAMPLES_AT_ONCE]
            faces = model.images(z_from_seeds(part, model.nz, truncation))
            for seed, face in zip(part, faces, strict=True):
                recipe = {**model.recipe, "seed": seed, "truncation": truncation}
                images.save(out / f"seed_{seed:04d}.png", face, recipe)
            bar.update(len(part))


@cli.command()
@click.argument("model")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["safetensors", "pth", "onnx"]),
    required=True,
    help="File format.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option("--epoch", type=int, help="One of the run's kept epochs; the last by default.")
@_in_workspace
def export(model: str, kind: str, out: Path, epoch: int | None, workspace: Workspace) -> None:
    """Write MODEL's generator as one file.

    A pth is a state dict that the original script loads; onnx runs without PyTorch, takes z as
    (N, nz), and is checked against the original where onnxruntime is installed.
    """
    from neuroceleb.model import checkpoint

    weights = workspace.weights(model, epoch)
    network, config = checkpoint.load_generator(weights)
    make_folder(out.parent)
    if kind == "pth":
        checkpoint.save_pth(out, network)
    elif kind == "onnx":
        from neuroceleb.model.export import onnx

        if not onnx.save(out, network, config):
            print("Not checked: that takes 'pip install onnxruntime'.", file=sys.stderr)
    else:
        checkpoint.save_weights(out, network, config)
    print(f"{weights} written to {out}", file=sys.stderr)


@cli.command("runs")
@_as_json
@_in_workspace
def list_runs(as_json: bool, workspace: Workspace) -> None:
    """List the runs, how they stand, and how far they have come."""
    rows = [{"name": run.name, **_standing(run.status())} for run in workspace.runs()]
    if as_json:
        print(json.dumps({"runs": rows}, ensure_ascii=False))
        return
    if not rows:
        print(f"No runs in {workspace.checkpoints} yet: start one with the verb train.")
    for row in rows:
        print(f"{row['name']:<32} {row['state']:<9} epoch {row['epoch']} of {row['epochs']}")


def _standing(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": status["state"],
        "epoch": status.get("epoch", 0),
        "epochs": status.get("epochs", 0),
        "images_seen": status.get("images_seen", 0),
    }


@cli.command()
@_as_json
@_in_workspace
def doctor(as_json: bool, workspace: Workspace) -> None:
    """Say what this machine has, and what to mend."""
    findings = list(machine.examine(workspace))
    if as_json:
        rows = [{**dataclasses.asdict(item), "well": item.well} for item in findings]
        print(json.dumps({"findings": rows}))
        return
    for item in findings:
        print(f"{'ok  ' if item.well else 'MEND'}  {item.name:<14} {item.found}")
        if not item.well:
            print(f"{'':<6}{'':<14} -> {item.advice}")


cli.add_command(crop.crop)
cli.add_command(evaluate.evaluate)
cli.add_command(explore.explore)
for verb in (interpolate.interpolate, *jobs.VERBS, *timelapse.VERBS):
    cli.add_command(verb)
