"""What the JSON files of a run hold; see `records`. Other keys may stand beside these."""

from typing import Any, Literal, Required, TypedDict


class Config(TypedDict, total=False):
    """config.json: how a run was started."""

    recipe: str
    settings: dict[str, Any]
    dataset: Any
    created: str
    start_model: Any


class Status(TypedDict, total=False):
    """status.json: what a training process last wrote."""

    state: Literal["starting", "running", "stopping", "queued", "stopped", "finished", "failed"]
    epoch: int
    epochs: int
    step: int
    steps: int
    images_seen: int
    images_per_second: float | None
    eta_seconds: float | None
    message: str
    message_source: Any
    heartbeat: float
    pid: int
    start_ticks: int
    boot_id: str
    device: str
    precision: str
    memory_mb: float
    adjusted: dict[str, Any]


class StatsRow(TypedDict, total=False):
    """A line of stats.jsonl: the figures of an epoch."""

    epoch: Required[int]
    images_seen: float | None
    quality: dict[str, Any] | None


class Evaluation(TypedDict, total=False):
    """evaluation.json: the entry of every evaluated epoch, by its number."""

    rule: str
    best: int | None
    epochs: Required[dict[str, dict[str, Any]]]


class QueueEntry(TypedDict, total=False):
    """A file of the queue."""

    run: Required[str]
    device: Required[Literal["cpu", "cuda"]]
    epochs: int | None
    since: float
