"""The verb `interpolate`: an interpolation through latent space as a video or a strip."""

from pathlib import Path

import click

from neuroceleb import video
from neuroceleb.cli.options import (
    as_json,
    epoch_option,
    in_workspace,
    make_folder,
    truncation_option,
)
from neuroceleb.cli.output import print_json, progress_bar
from neuroceleb.latent import interpolation
from neuroceleb.latent.seeds import check_truncation, parse_seeds, z_from_seeds
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE


@click.command()
@click.argument("model")
@click.option("--seeds", required=True, metavar="3,14,15", help="Two to twelve key faces.")
@click.option("--frames", type=int, default=60, show_default=True, help="Frames in all.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A file .mp4, .gif, .webp, or .png: a strip of all frames.",
)
@click.option("--loop", is_flag=True, help="Return from the last key face to the first.")
@click.option(
    "--method",
    type=click.Choice(list(interpolation.METHODS)),
    default="slerp",
    show_default=True,
    help="The path between two key faces.",
)
@click.option(
    "--easing",
    type=click.Choice(list(interpolation.EASINGS)),
    default="linear",
    show_default=True,
    help="Whether to slow down at key faces.",
)
@click.option("--fps", type=float, default=30.0, show_default=True, help="Frames a second.")
@click.option("--scale", type=int, help="Enlarges by a whole number.  [default: 4; .png: 1]")
@truncation_option
@epoch_option
@as_json
@in_workspace
def interpolate(
    model: str,
    seeds: str,
    frames: int,
    out: Path,
    loop: bool,
    method: str,
    easing: str,
    fps: float,
    scale: int | None,
    truncation: float,
    epoch: int | None,
    as_json: bool,
    workspace: Workspace,
) -> None:
    """Interpolate between faces of MODEL in latent space, as a video or a strip.

    Every key face is a frame of its own, the same pixels as `sample` draws for its seed.
    """
    keys = parse_seeds(seeds)
    key_frames = interpolation.key_frames(len(keys), frames, loop=loop)
    check_truncation(truncation)
    suffix = out.suffix.lower()
    times = scale if scale is not None else 1 if suffix == ".png" else 4
    video.check(suffix, frames, fps, (IMAGE_SIZE * times, IMAGE_SIZE * times))
    weights = workspace.weights(model, epoch)
    from neuroceleb.model import generator

    loaded = generator.load(weights)
    z = z_from_seeds(keys, loaded.nz, truncation)
    way = interpolation.interpolate(z, frames, loop=loop, method=method, easing=easing)
    provenance = {
        "keys": [{"seed": seed, "truncation": truncation} for seed in keys],
        "frames": frames,
        "loop": loop,
        "method": method,
        "easing": easing,
    }
    make_folder(out.parent)
    with progress_bar("frames") as progress:
        shots = (frame for part in loaded.frames(way) for frame in part)
        provenance = loaded.recipe | provenance
        video.write(
            out, shots, frames, fps=fps, scale=times, provenance=provenance, progress=progress
        )
    click.echo(f"{frames:,} frames of {weights} in {out}", err=True)
    if as_json:
        value = {"out": str(out), "model": str(weights), "frames": frames, "key_frames": key_frames}
        print_json(value)
