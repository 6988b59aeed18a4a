"""Opening a sandbox: the networks of a run, real faces for it, and presets that break training."""

import copy
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from neuroceleb import images
from neuroceleb.data import dataset
from neuroceleb.data.dataset import Progress
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from neuroceleb.latent.seeds import FIXED_SEEDS, z_from_seeds
from neuroceleb.model import checkpoint, generator
from neuroceleb.model.networks import Discriminator, Generator
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import IMAGE_SIZE, NONE, Settings
from neuroceleb.training.gan import GAN, new_adam, new_gan
from neuroceleb.training.sandbox import Sandbox, SandboxData
from neuroceleb.training.step import step_config

PRESETS = ("fast_d", "no_batchnorm", "fixed_z", "one_face")
FAST_D = 10.0  # times D's learning rate
MAX_WIDTH = 128
FACES = 256  # that batches are drawn from
GENERATED_SEEDS = range(1_000_000, 1_000_128)

DATASET, SHEET, GENERATED = "dataset", "sheet", "generated"


@dataclass(frozen=True)
class RealFaces:
    """Faces that D is shown as real, (N, 64, 64, 3) uint8, and their `origin`.

    `dataset`: drawn from the run's photos. `sheet`: the photos on its sheet of real samples, where
    the dataset is gone. `generated`: faces of its last kept epoch instead of photos, where there is
    neither: D then learns to tell an earlier or changed G from the finished one.
    """

    faces: Pixels
    origin: str


def open_sandbox(
    run: Run,
    real: RealFaces,
    epoch: int | None = None,
    preset: str | None = None,
    seed: int = 0,
) -> Sandbox:
    """A copy of a run at a kept epoch, the last by default, with its newest D, on the CPU.

    `preset` is one of PRESETS: `fast_d` trains D at ten times its rate; `no_batchnorm` merges the
    normalization into the weights, so that the faces are the same and training goes on without;
    `fixed_z` has the same sixteen z in every step; `one_face` shows D one face only. Raises
    UserError for an unknown preset, an epoch that was not kept, a run without a discriminator, and
    networks wider than MAX_WIDTH.
    """
    if preset is not None and preset not in PRESETS:
        raise UserError(
            "There is no preset '{preset}': use one of {presets}.",
            preset=preset[:40],
            presets=", ".join(PRESETS),
        )
    G, _ = checkpoint.load_generator(run.weights(epoch))
    if not run.discriminator_file.is_file():
        raise UserError(
            "The run '{run}' has no discriminator to train on with: choose another run.",
            run=run.name,
        )
    D = checkpoint.load_discriminator(run.discriminator_file)
    if max(G.ngf, D.ndf) > MAX_WIDTH:
        raise UserError(
            "The sandbox holds networks up to width {most}, and this run's is {width}: choose a "
            "narrower run.",
            most=MAX_WIDTH,
            width=max(G.ngf, D.ndf),
        )
    settings = _settings(run, G, D)
    if preset == "fast_d":
        settings = replace(settings, lr_d=FAST_D * (settings.lr_d or settings.lr))
    faces = real.faces[:1] if preset == "one_face" else real.faces
    data = SandboxData(faces, real.faces, fixed_z=preset == "fixed_z")
    gan = _gan(settings, G, D, without_batchnorm=preset == "no_batchnorm")
    return Sandbox(gan, data, step_config(settings, len(real.faces)), seed)


def _settings(run: Run, G: Generator, D: Discriminator) -> Settings:
    """The run's settings for one process on the CPU, at its networks' width; defaults if it has
    none."""
    recorded = run.config().get("settings")
    settings = Settings(recipe="classic", loss="bce", augment="none", flip="no")
    if isinstance(recorded, dict):
        with suppress(UserError):  # of another version: the defaults of the original
            settings = Settings.from_json(recorded)
    same_width = replace(settings, nz=G.nz, ngf=G.ngf, ndf=D.ndf)
    alone = replace(same_width, device="cpu", ngpu=1, precision="float32", ema_images=0)
    return replace(alone, start_from=NONE, freeze_d=0, lr_end=0.0)


def _gan(settings: Settings, G: Generator, D: Discriminator, *, without_batchnorm: bool) -> GAN:
    if settings.d_norm == "spectral" and D.norm == "none":
        D = _with_spectral_norm(D)
    if without_batchnorm:
        G, D = _merged_generator(G), _merged_discriminator(D)
    device = torch.device("cpu")
    for network in (G, D):
        network.to(memory_format=torch.channels_last)
    return replace(
        new_gan(settings, device),
        G=G,
        D=D,
        adam_g=new_adam(G, settings.lr, settings, device),
        adam_d=new_adam(D, settings.lr_d or settings.lr, settings, device),
    )


def _with_spectral_norm(D: Discriminator) -> Discriminator:
    """D as it was trained: a checkpoint holds the normalized weights, whose norm is about 1."""
    wrapped = copy.deepcopy(D)
    for layer in wrapped.main:
        if isinstance(layer, nn.Conv2d):
            spectral_norm(layer)
    wrapped.norm = "spectral"
    return wrapped


def _merged_generator(G: Generator) -> Generator:
    """G with BatchNorm merged into its weights, to be trained without."""
    merged = Generator(G.nz, G.ngf, G.nc)
    merged.main = generator.fold_batchnorm(G).train().requires_grad_(True)
    return merged


def _merged_discriminator(D: Discriminator) -> Discriminator:
    """As `_merged_generator`; a D without BatchNorm stays as it is."""
    if D.norm != "batch":
        return D
    merged = Discriminator(D.ndf, D.nc, "none")
    with torch.no_grad():
        for index, layer in enumerate(D.main):
            if not isinstance(layer, nn.Conv2d):
                continue
            target, norm = merged.main[index], D.main[index + 1]
            assert isinstance(target, nn.Conv2d)
            assert target.bias is not None
            scale, shift = torch.ones(layer.out_channels), torch.zeros(layer.out_channels)
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                shift = norm.bias - norm.running_mean * scale
            target.weight.copy_(layer.weight * scale[:, None, None, None])
            target.bias.copy_(shift)
    return merged


# Real faces --------------------------------------------------------------------------------


def real_faces(
    run: Run, workspace: Workspace, progress: Progress | None = None, seed: int = 0
) -> RealFaces:
    """The real faces for a run's sandbox: of its dataset, its sheet, or generated in their place.

    `progress(done, total)` is called while photos are decoded. Raises UserError as `Run.weights`
    does.
    """
    with suppress(UserError):  # the photos are gone, or unreadable
        return RealFaces(_from_dataset(run, workspace, progress, seed), DATASET)
    sheet = _from_sheet(run)
    if sheet is not None:
        return RealFaces(sheet, SHEET)
    model = generator.load(run.weights())
    return RealFaces(model.images(z_from_seeds(GENERATED_SEEDS, model.nz)), GENERATED)


def _from_dataset(run: Run, workspace: Workspace, progress: Progress | None, seed: int) -> Pixels:
    path = run.dataset_path()
    if path is None:
        raise UserError("'{run}' does not name the photos it was trained on.", run=run.name)
    loaded = dataset.load(dataset.locate(path, workspace.datasets), workspace.datasets, progress)
    count = min(FACES, len(loaded))
    chosen = np.random.default_rng(seed).choice(len(loaded), count, replace=False)
    faces: Pixels = np.ascontiguousarray(loaded.pixels[chosen])
    return faces


def _from_sheet(run: Run) -> Pixels | None:
    """The photos on the sheet of real samples; None where there is none, or too few."""
    for suffix in ("png", "webp"):
        path: Path = run.real_sheet_file(suffix)
        with suppress(UserError):
            sheet = images.load(path)
            faces = images.ungrid(sheet, _count_on_sheet(sheet), IMAGE_SIZE)
            return faces if len(faces) else None
    return None


def _count_on_sheet(sheet: Pixels) -> int:
    """The number of faces: all cells but the black ones at the end, 64 at most."""
    step = IMAGE_SIZE + 2
    cells = (sheet.shape[0] - 2) // step * ((sheet.shape[1] - 2) // step)
    count = min(cells, len(FIXED_SEEDS))
    faces = images.ungrid(sheet, count, IMAGE_SIZE)
    filled = np.flatnonzero(faces.max(axis=(1, 2, 3)) > 0)
    return int(filled[-1]) + 1 if len(filled) else 0
