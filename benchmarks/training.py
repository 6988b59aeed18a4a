"""Images a second of our training loop over a plain transcription of the original's.

    python benchmarks/training.py                         the GPU if there is one, else the CPU
    python benchmarks/training.py --device cpu --pairs 20 --steps 5 --json figures.json
    python benchmarks/training.py --data FOLDER           photos, one sub-folder a person
    python benchmarks/training.py --recipe modern         the default recipe, in its own batches

Ours: batches from the decoded uint8 array, then steps as the training takes them. The original's: a
DataLoader that decodes JPEGs from a folder, contiguous networks, D's weight gradients in G's step
too, sigmoid and BCELoss, five `.item()` a step. Both in this process, in turn: A B A B, each pair a
ratio. Without --data it makes JPEGs of its own, of smooth noise. It needs torch, numpy and Pillow;
where torchvision is missing, the original's loader is `plain_loader.py`.
"""

import argparse
import importlib.util
import itertools
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
if importlib.util.find_spec("safetensors") is None:  # no weights are read or written here
    for _name in ("safetensors", "safetensors.torch"):
        sys.modules[_name] = types.ModuleType(_name)

import plain_loader

from neuroceleb.data import dataset
from neuroceleb.data.batches import Faces
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import RECIPES, Settings
from neuroceleb.training import cuda_graphs, precision
from neuroceleb.training import device as devices
from neuroceleb.training.gan import new_gan
from neuroceleb.training.progress import Progress
from neuroceleb.training.step import METRICS, step_config
from neuroceleb.training.step_function import make_step_function
from tests.training import reference

PHOTO_SIZE = (178, 218)  # width and height of CelebA's aligned images
RESAMPLES = 10_000

Step = Callable[[], int]  # takes one training step and tells how many images it saw
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}


class Ours:
    """Our loop, step by step, as `training.train` takes them."""

    def __init__(
        self, faces: Faces, settings: Settings, device: torch.device, use_cuda_graphs: bool = True
    ) -> None:
        self.settings = settings
        self.device = device
        gan = new_gan(settings, device)
        noise = torch.Generator(device).manual_seed(settings.seed)
        method = step_config(settings, len(faces))
        self.take_step = make_step_function(
            gan, settings, method, noise, use_cuda_graphs=use_cuda_graphs
        )
        self.at = Progress()
        self.sums = torch.zeros(len(METRICS), dtype=torch.float64, device=device)
        self.batches = self._without_end(faces)

    def _without_end(self, faces: Faces) -> Iterator[torch.Tensor]:
        for epoch in itertools.count():
            yield from faces.batches(epoch, self.settings.batch_size, self.settings.seed)

    def fetch(self) -> torch.Tensor:
        """The next batch, on the device."""
        return next(self.batches)

    def learn(self, real: torch.Tensor) -> int:
        """Update D, then G; count."""
        figures = self.take_step(real, len(real), self.at)
        if self.device.type == "cpu":
            figures.tolist()  # looked at every step, as in training
        self.sums += figures
        return len(real)

    def step(self) -> int:
        """Fetch and learn."""
        return self.learn(self.fetch())


class Theirs:
    """The original's loop, step by step."""

    def __init__(self, folder: Path, settings: Settings, device: torch.device, workers: int):
        original = reference.Original(settings.nz, settings.ngf, settings.ndf, device.type)
        self.steps = original.train(loader_of(folder, settings.batch_size, workers))

    def step(self) -> int:
        """Fetch, learn and log."""
        return next(self.steps)[0]


def loader_of(folder: Path, batch_size: int, workers: int) -> Any:
    """torchvision's loader, or without torchvision one that does the same."""
    if importlib.util.find_spec("torchvision") is None:
        return plain_loader.loader(folder, batch_size, workers)
    return reference.loader(folder, batch_size, workers)


# Measuring ---------------------------------------------------------------------------------


def wait_for(device: torch.device) -> None:
    """Return when the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def images_per_second(
    step: Step, warm_up: int, steps: int, device: torch.device, clock: Clock = time.perf_counter
) -> float:
    """The rate of so many steps, after some that are not counted."""
    for _ in range(warm_up):
        step()
    wait_for(device)
    start = clock()
    images = sum(step() for _ in range(steps))
    wait_for(device)
    return images / (clock() - start)


def share_of_fetching(ours: Ours, steps: int) -> float:
    """How much of a step's time goes into fetching its batch, with the device waited for."""
    fetching, start = 0.0, time.perf_counter()
    for _ in range(steps):
        before = time.perf_counter()
        real = ours.fetch()
        wait_for(ours.device)
        fetching += time.perf_counter() - before
        ours.learn(real)
        wait_for(ours.device)
    return fetching / (time.perf_counter() - start)


def gemm_flops(
    device: torch.device,
    repeats: int = 8,
    dtype: torch.dtype = torch.float32,
    clock: Clock = time.perf_counter,
) -> float:
    """Floating-point operations a second of the best of some large products.

    Of float32 with the precision that training sets: on a GPU, TF32.
    """
    side = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(repeats + 1):
        wait_for(device)
        start = clock()
        torch.mm(a, b)
        wait_for(device)
        best = min(best, clock() - start)
    return 2 * side**3 / best


def flop_an_image(nz: int, ngf: int, ndf: int, nc: int = 3, *, at_once: bool = False) -> float:
    """Operations that one step needs an image, products of the convolutions alone.

    Without penalties of D's gradient. D sees the real one and the fake (forward, gradient of inputs
    and of weights, each time without the gradient of the image), and the fake once more (forward,
    gradient of inputs), or `at_once` the gradient of the fake from the first pass; G makes it
    (forward, gradients of inputs and of weights, without that of z).
    """
    sides = [1, 4, 8, 16, 32]  # the smaller side of each layer, seen from z
    g_widths = [nz, ngf * 8, ngf * 4, ngf * 2, ngf, nc]
    d_widths = [nc, ndf, ndf * 2, ndf * 4, ndf * 8, 1]
    g = _products(g_widths, sides)
    d = _products(d_widths, sides[::-1])
    of_d = 6 * sum(d) - d[0] if at_once else 2 * (3 * sum(d) - d[0]) + 2 * sum(d)
    return of_d + 3 * sum(g) - g[0]


def _products(widths: list[int], sides: list[int]) -> list[int]:
    """Operations of each 4x4 convolution from one width to the next, forward."""
    steps = zip(itertools.pairwise(widths), sides, strict=True)
    return [2 * 4 * 4 * before * after * side**2 for (before, after), side in steps]


def peak_memory_mb() -> float:
    """The most memory this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def interval_of_median(values: list[float]) -> tuple[float, float]:
    """The 95% interval of the median, by bootstrap."""
    rng = np.random.default_rng(0)
    draws = rng.choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(low), float(high)


# Data --------------------------------------------------------------------------------------


def make_photos(folder: Path, count: int) -> None:
    """Write JPEGs of smooth noise with some grain, eight to a sub-folder."""
    for person in range(-(-count // 8)):
        (folder / f"{person:05d}").mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda index: _make_photo(folder, index), range(count)))


def _make_photo(folder: Path, index: int) -> None:
    rng = np.random.default_rng(index)
    width, height = PHOTO_SIZE
    coarse = Image.fromarray(rng.integers(0, 256, (14, 11, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(PHOTO_SIZE, Image.Resampling.BICUBIC), np.int16)
    grainy = smooth + rng.integers(-6, 7, (height, width, 1))
    photo = Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))
    photo.save(folder / f"{index // 8:05d}" / f"{index:06d}.jpg", quality=90)


# The race ----------------------------------------------------------------------------------


def race(args: argparse.Namespace, folder: Path, workspace: Workspace) -> dict[str, Any]:
    """Run both loops in turn and gather every figure."""
    device = devices.pick(args.device)
    widths = {"ngf": args.width, "ndf": args.width}
    original = Settings.checked(recipe="classic", **widths, batch_size=args.batch)
    own_batch = {"batch_size": args.batch} if args.recipe == "classic" else {}
    settings = Settings.checked(recipe=args.recipe, **widths, **own_batch)
    chosen = precision.resolve(settings.precision, device)
    devices.configure(device)
    with cuda_graphs.side_stream(device):
        return _race(
            args, folder, workspace, (replace(settings, precision=chosen), original), device
        )


def _race(
    args: argparse.Namespace,
    folder: Path,
    workspace: Workspace,
    both: tuple[Settings, Settings],
    device: torch.device,
) -> dict[str, Any]:
    settings, original = both
    clock = CLOCKS[args.clock]
    gemm = gemm_flops(device, clock=clock)

    start = time.perf_counter()
    decoded = dataset.load(folder, workspace.datasets)
    decoding_s = time.perf_counter() - start
    ours = Ours(Faces(decoded.pixels, device), settings, device)
    images_per_second(ours.step, 1, args.steps, device)
    memory_of_ours = peak_memory_mb()

    workers = pick_workers(args, folder, original, device)
    theirs = Theirs(folder, original, device, workers)
    warm_up = args.warm_up
    if warm_up is None:  # on a GPU, enough to use up what the workers fetched while idle
        warm_up = 2 if device.type == "cpu" else 2 * workers + 2
    rates = []
    for pair in range(args.pairs):
        ours_rate = images_per_second(ours.step, warm_up, args.steps, device, clock)
        theirs_rate = images_per_second(theirs.step, warm_up, args.steps, device, clock)
        rates.append((ours_rate, theirs_rate))
        print(
            f"pair {pair + 1:2d} of {args.pairs}: {ours_rate:9.1f} and {theirs_rate:9.1f} images/s,"
            f" {ours_rate / theirs_rate:.3f}x",
            file=sys.stderr,
        )
    fetch_share = share_of_fetching(ours, args.steps)
    gemm = max(gemm, gemm_flops(device, clock=clock))

    ours_median = statistics.median(rate for rate, _ in rates)
    at_once = step_config(settings, len(decoded)).simultaneous
    flop = flop_an_image(settings.nz, settings.ngf, settings.ndf, at_once=at_once)
    ratios = [ours_rate / theirs_rate for ours_rate, theirs_rate in rates]
    return {
        "machine": machine(device),
        "recipe": args.recipe,
        "precision": settings.precision,
        "width": args.width,
        "batch": settings.batch_size,
        "batch_of_original": args.batch,
        "images": len(decoded),
        "workers": workers,
        "steps_each": args.steps,
        "warm_up": warm_up,
        "clock": args.clock,
        "n": len(ratios),
        "ours_images_per_second": ours_median,
        "original_images_per_second": statistics.median(rate for _, rate in rates),
        "ratio_median": statistics.median(ratios),
        "ratio_interval": interval_of_median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "pairs": rates,
        "gflop_an_image": flop / 1e9,
        "gemm_gflops": gemm / 1e9,
        "gemm_share": ours_median * flop / gemm,
        "fetch_share": fetch_share,
        "decoding_seconds": decoding_s,
        "peak_memory_mb_ours": memory_of_ours,
        "peak_memory_mb": peak_memory_mb(),
    }


def pick_workers(
    args: argparse.Namespace, folder: Path, settings: Settings, device: torch.device
) -> int:
    """The DataLoader's workers: as asked for, or the better of 0 and 2 on this machine."""
    if args.workers is not None:
        return int(args.workers)
    rates = {}
    for workers in (0, 2):
        trial = Theirs(folder, settings, device, workers)
        rates[workers] = images_per_second(trial.step, 2 * workers + 2, args.steps, device)
    return max(rates, key=lambda workers: rates[workers])


def machine(device: torch.device) -> dict[str, Any]:
    """What this was measured on."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def summary(figures: dict[str, Any]) -> str:
    """The figures in words."""
    low, high = figures["ratio_interval"]
    of = figures["machine"]
    return "\n".join(
        [
            f"{of['device']}, {of['cores']} cores, torch {of['torch']}; {figures['recipe']} in "
            f"{figures['precision']}, width {figures['width']}, "
            f"batch {figures['batch']}, {figures['workers']} workers for the original, "
            f"{figures['clock']} time",
            f"ours      {figures['ours_images_per_second']:10.1f} images/s (median)",
            f"original  {figures['original_images_per_second']:10.1f} images/s (median)",
            f"ratio     {figures['ratio_median']:10.3f}x median of {figures['n']} pairs of "
            f"{figures['steps_each']} steps, 95% [{low:.3f}, {high:.3f}], "
            f"from {figures['ratio_min']:.3f} to {figures['ratio_max']:.3f}",
            f"products  {figures['gemm_share']:10.1%} of the peak of {figures['gemm_gflops']:.0f} "
            f"GFLOP/s, at {figures['gflop_an_image']:.3f} GFLOP an image",
            f"fetching  {figures['fetch_share']:10.2%} of a step; decoding once took "
            f"{figures['decoding_seconds']:.1f} s for {figures['images']:,} images",
            f"memory    {figures['peak_memory_mb_ours']:10.0f} MB at most with ours alone, "
            f"{figures['peak_memory_mb']:.0f} MB with both",
        ]
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--recipe", choices=sorted(RECIPES), default="classic", help="of ours")
    add("--width", type=positive, default=64, help="ngf and ndf")
    add("--batch", type=positive, default=64, help="images a step, of modern's own apart")
    add("--pairs", type=positive, default=15, help="how often each loop is measured")
    add("--steps", type=positive, default=5, help="steps of each measurement")
    add("--warm-up", type=int, help="steps before each that are not counted")
    add("--workers", type=int, help="of the original's DataLoader; default: the better of 0 and 2")
    add(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="processor: count this process's own time instead, on a machine with other things "
        "to do; with --workers 0, whose decoding it counts",
    )
    add("--data", type=Path, help="a folder of photos, one sub-folder a person")
    add("--images", type=positive, default=2048, help="how many photos to make without --data")
    add("--json", type=Path, help="write the figures here too")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Measure, print, write."""
    args = parse(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data
        if folder is None:
            folder = Path(temporary) / "photos"
            make_photos(folder, args.images)
        figures = race(args, folder, Workspace(Path(temporary)))
    print(summary(figures))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
