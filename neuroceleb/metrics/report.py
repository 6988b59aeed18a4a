"""An entry of evaluation.json as lines of text: figures, 95 % intervals, real faces."""

from collections.abc import Iterator
from typing import Any

REASONED = ("well_formed", "flawless", "diversity", "identity", "fid")  # parts that may be missing

Entry = dict[str, Any]
Row = tuple[str, str, str]  # the measure, the figure, that of real faces


def lines(entry: Entry) -> Iterator[str]:
    """The lines of one entry, an empty one last."""
    epoch = "" if entry["epoch"] is None else f", epoch {entry['epoch']}"
    held_out = entry["split"]["held_out"]
    yield (
        f"{entry['model']}{epoch}: {entry['n_fake']:,} faces (seeds {entry['seeds']}, unselected) "
        f"against {entry['n_real']:,} held-out real ones ({held_out}) of {entry['data']['name']}, "
        f"seed {entry['seed']}, in {entry['seconds']:.0f} s"
    )
    yield from (f"  {name:<40} {figure:<26} real: {real}" for name, figure, real in _rows(entry))
    reasons = (entry.get(part, {}).get("said") for part in REASONED)
    yield from (f"  {reason}" for reason in dict.fromkeys(reasons) if reason)
    yield ""


def _rows(entry: Entry) -> Iterator[Row]:
    if "share" in entry["well_formed"]:
        part = entry["well_formed"]
        yield "well formed", _percent(part, "share"), _percent(part, "real")
    if "share" in entry.get("flawless", {}):
        part = entry["flawless"]
        yield "flawless", _percent(part, "share"), _percent(part, "real")
    yield from _swd_rows(entry["swd"])
    yield from _diversity_rows(entry["diversity"])
    yield from _memorization_rows(entry["copies"])
    if "frechet" in entry.get("identity", {}):
        yield from _identity_rows(entry["identity"])
    for name in ("fid", "kid"):
        if name in entry["fid"]:
            figure, real = entry["fid"][name], entry["fid"][f"{name}_real"]
            yield name.upper(), f"{figure:.4g}", f"{real:.4g}"


def _swd_rows(part: Entry) -> Iterator[Row]:
    name = "sliced Wasserstein x1000"
    for level, value in part["levels"].items():
        yield f"{name}, level {level}", f"{value:.1f}", f"{part['floor_levels'][level]:.1f}"
    figure = f"{part['mean']:.1f} {_interval(part['mean_interval'], 1, 1)}"
    floor = f"{part['floor']:.1f} {_interval(part['floor_interval'], 1, 1)}"
    yield f"{name}, mean", figure, floor


def _diversity_rows(part: Entry) -> Iterator[Row]:
    yield "MS-SSIM between pairs", _number(part, "ms_ssim"), _number(part, "ms_ssim_real")
    for name in ("precision", "recall"):
        if name in part:
            figures = _number(part, name), _number(part, f"{name}_real")
            yield (f"{name}, k = {part['k']}", *figures)


def _memorization_rows(part: Entry) -> Iterator[Row]:
    name = "nearest training face, median"
    yield name, f"{part['nearest']:.3f}", f"{part['nearest_real']:.3f}"
    yield "suspected copies", _percent(part, "suspects"), _percent(part, "suspects_real")


def _identity_rows(part: Entry) -> Iterator[Row]:
    for name, key in (("Fréchet", "frechet"), ("kernel", "kernel")):
        figures = _number(part, key), _number(part, f"{key}_real")
        yield (f"identity, {name} distance", *figures)
    for name in ("precision", "recall"):
        figures = _number(part, name), _number(part, f"{name}_real")
        yield (f"identity, {name}, k = {part['k']}", *figures)
    name = "identity, nearest training face, median"
    yield name, f"{part['nearest']:.3f}", f"{part['nearest_real']:.3f}"
    yield "copies of a person", _percent(part, "copies"), _percent(part, "copies_real")


def _percent(part: Entry, name: str) -> str:
    return f"{100 * part[name]:.1f} % {_interval(part[f'{name}_interval'], 100, 1)}"


def _number(part: Entry, name: str) -> str:
    return f"{part[name]:.3f} {_interval(part[f'{name}_interval'], 1, 3)}"


def _interval(interval: list[float], scale: float, digits: int) -> str:
    low, high = (f"{scale * value:.{digits}f}" for value in interval)
    return f"[{low}, {high}]"
