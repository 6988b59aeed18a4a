"""The verb `export`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuroceleb import files
from neuroceleb.cli.options import epoch_option, in_workspace, make_folder
from neuroceleb.errors import UserError
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace

if TYPE_CHECKING:
    from neuroceleb.model.networks import Generator


@click.command()
@click.argument("model")
@click.option(
    *("--format", "file_format"),
    type=click.Choice(["safetensors", "pth", "onnx", "html", "space"]),
    required=True,
    help="File format.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The file to write.",
)
@epoch_option
@click.option(
    *("--average", "averaged"),
    nargs=2,
    type=click.IntRange(min=0),
    metavar="FIRST LAST",
    help="The mean of the kept epochs from FIRST to LAST: smoother faces, fewer of them broken.",
)
@in_workspace
def export(
    model: str,
    file_format: str,
    out: Path,
    epoch: int | None,
    averaged: tuple[int, int] | None,
    workspace: Workspace,
) -> None:
    """Write MODEL's generator as one file.

    A pth is a state dict that the original script loads; onnx runs without PyTorch, takes z as
    (N, nz), and is checked against the original where onnxruntime is installed; html is a page that
    makes faces in any browser, without a network; space is a folder for Hugging Face, with that
    page, the weights and a model card.
    """
    from neuroceleb.model import checkpoint

    if averaged is not None:
        _check_averaged(file_format, epoch)
    weights = workspace.weights(model, epoch)
    make_folder(out.parent)
    if file_format == "html":
        from neuroceleb.export import html

        size = html.save(out, weights, _run_of(weights))
        print(f"{weights} written to {out}: {size / 1e6:.1f} MB", file=sys.stderr)
        return
    if file_format == "space":
        from neuroceleb.export import space

        space.save(out, weights, _run_of(weights))
        print(f"{weights} written to {out}/", file=sys.stderr)
        return
    network, config = checkpoint.load_generator(weights)
    if averaged is not None:
        network, epochs = _mean(workspace, model, averaged)
        config = {**config, "average_of_epochs": epochs}
        print(f"The mean of the epochs {', '.join(map(str, epochs))}.", file=sys.stderr)
    if file_format == "pth":
        checkpoint.save_pth(out, network)
    elif file_format == "onnx":
        from neuroceleb.export import onnx

        if not onnx.save(out, network, config):
            print("Not checked: that takes 'pip install onnxruntime'.", file=sys.stderr)
    else:
        checkpoint.save_weights(out, network, config)
    source = f"{weights} written" if averaged is None else "Written"
    print(f"{source} to {out}", file=sys.stderr)


def _check_averaged(file_format: str, epoch: int | None) -> None:
    if epoch is not None:
        raise UserError("--average and --epoch exclude each other: leave one of them out.")
    if file_format in {"html", "space"}:
        raise UserError(
            "--average does not go with --format {file_format}: export it as safetensors first, "
            "then that file.",
            file_format=file_format,
        )


def _mean(
    workspace: Workspace, model: str, averaged: tuple[int, int]
) -> tuple["Generator", list[int]]:
    """The mean of a run's kept generators, and their epochs."""
    from neuroceleb.latent.seeds import z_from_seeds
    from neuroceleb.model import averaging, checkpoint

    run = workspace.find(model)
    if not isinstance(run, Run):
        raise UserError(
            "{model} is one file, so --average means nothing: leave it out.", model=model
        )
    first, last = sorted(averaged)
    kept = {epoch: path for epoch, path in run.kept().items() if first <= epoch <= last}
    if not kept:
        run.weights(last)  # names the epochs that are kept
    networks = [checkpoint.load_generator(path)[0] for path in kept.values()]
    z = z_from_seeds(averaging.STATISTICS_SEEDS, networks[0].nz)
    return averaging.mean_generator(networks, z), list(kept)


def _run_of(weights: Path) -> Run | None:
    """The run whose directory a weights file is in, or None."""
    run = Run(files.absolute(weights).parent)
    return run if run.exists() and files.absolute(weights) in run.kept().values() else None
