"""When to save the state and when to stop: decided by rank 0 for all processes."""

import time
from collections.abc import Callable
from enum import IntEnum

import torch

from neuroceleb.settings import Settings
from neuroceleb.training.distributed import DistributedContext

SYNC_EVERY = 16  # steps on several GPUs, because agreeing waits for all of them


class Action(IntEnum):
    """What to do after a step or an epoch."""

    CONTINUE = 0
    SAVE = 1
    STOP = 2  # after saving


class ActionPolicy:
    """Stops when `should_stop()`, and saves after `save_minutes` or when weights were kept."""

    def __init__(
        self,
        settings: Settings,
        device: torch.device,
        dist: DistributedContext,
        should_stop: Callable[[], bool],
    ) -> None:
        self._dist = dist
        self._should_stop = should_stop
        self._save_every_s = settings.save_minutes * 60
        is_multi_gpu = dist.world_size > 1 and device.type == "cuda"
        self._sync_every = SYNC_EVERY if is_multi_gpu else 1
        self._saved_at = time.monotonic()

    def after_step(self, step: int) -> Action:
        """The action after this many steps of an epoch."""
        return Action.CONTINUE if step % self._sync_every else self._decide(is_due=False)

    def after_epoch(self, is_due: bool) -> Action:
        """The action after an epoch; `is_due` where its weights were kept."""
        return self._decide(is_due)

    def _decide(self, is_due: bool) -> Action:
        is_due = is_due or time.monotonic() - self._saved_at > self._save_every_s
        action = Action.STOP if self._should_stop() else Action.SAVE if is_due else Action.CONTINUE
        action = Action(self._dist.broadcast_int(action))
        if action is not Action.CONTINUE:
            self._saved_at = time.monotonic()
        return action
