"""Films of runs, made behind the page: one at a time, with progress, kept for an hour."""

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuroceleb.app import progress_api
from neuroceleb.app.translations import SORRY
from neuroceleb.errors import UserError
from neuroceleb.runs import timelapse
from neuroceleb.runs.workspace import Workspace

log = logging.getLogger(__name__)

SUFFIXES = {"mp4": ".mp4", "gif": ".gif"}
KEPT_S = 3_600.0
MAX_KEPT = 20


class GivenUpError(Exception):
    """Raised within the making of a film that nobody wants any more."""


@dataclass
class Making:
    """One film: how far it is, what went wrong, where it lies."""

    path: Path
    name: str
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    state: str = "making"  # then made, failed or given up
    error: str = ""
    is_unwanted: bool = False

    def hear(self, done: int, total: int) -> None:
        """Told by the encoder after every frame."""
        self.done, self.total = done, total
        if self.is_unwanted:
            raise GivenUpError


class Studio:
    """The films of one server. Everything asked of it is checked here."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.root / ".cache" / "films"
        self._films: dict[str, Making] = {}
        self._lock = threading.Lock()

    def start(self, wishes: dict[str, Any]) -> str:
        """Begin a film of a run; returns its key. Raises UserError."""
        run = progress_api.read_run(self._workspace, wishes.get("run"))
        suffix = SUFFIXES.get(str(wishes.get("format")))
        if suffix is None:
            raise UserError("A film is an MP4 or a GIF: choose one of them.")
        plan = timelapse.plan(
            run,
            suffix,
            face=_face(wishes.get("face")),
            fps=_rate(wishes.get("fps", timelapse.FPS)),
            curves=wishes.get("curves") is not False,
        )
        key = secrets.token_urlsafe(9)
        with self._lock:
            if any(one.state == "making" for one in self._films.values()):
                raise UserError("Another film is being made: wait until it is done.")
            self._forget_old()
            made = Making(self._folder / f"{key}{suffix}", _name(plan, suffix))
            self._films[key] = made
        threading.Thread(target=self._make, args=(plan, made), daemon=True, name="film").start()
        return key

    def look(self, key: str) -> dict[str, Any]:
        """How far a film is."""
        one = self._film(key)
        return {"state": one.state, "done": one.done, "total": one.total, "error": one.error}

    def give_up(self, key: str) -> None:
        """Stop making a film."""
        self._film(key).is_unwanted = True

    def file(self, key: str) -> tuple[Path, str]:
        """A finished film's file, and the name to save it under."""
        one = self._film(key)
        if one.state != "made" or not one.path.exists():
            raise UserError("The film is not there: make it again.")
        return one.path, one.name

    def _film(self, key: str) -> Making:
        if key not in self._films:
            raise UserError("There is no such film (any more): make it again.")
        return self._films[key]

    def _make(self, plan: timelapse.Plan, one: Making) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            timelapse.write(plan, one.path, one.hear)
            one.state = "made"
        except GivenUpError:
            one.state = "given up"
        except UserError as error:
            one.state, one.error = "failed", str(error)
        except OSError as error:
            one.state = "failed"
            one.error = f"{self._folder} cannot be written ({error.strerror}): make room there."
        except Exception:
            log.exception("A film failed")
            one.state, one.error = "failed", SORRY

    def _forget_old(self) -> None:
        """Delete films of over an hour ago, the oldest of too many, and a former server's."""
        over = [key for key, one in self._films.items() if time.monotonic() - one.began > KEPT_S]
        rest = [key for key in self._films if key not in over]
        for key in [*over, *rest[: max(0, len(rest) - MAX_KEPT + 1)]]:
            self._films.pop(key).path.unlink(missing_ok=True)
        known = {one.path for one in self._films.values()}
        for path in self._folder.glob("*.*"):
            if path not in known and time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink(missing_ok=True)


def _face(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError("The face to film is a number: choose one of the sheet.")
    return value


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError("The epochs a second are a number: choose one.")
    return float(value)


def _name(plan: timelapse.Plan, suffix: str) -> str:
    part = "" if plan.face is None else f"_face_{plan.face}"
    return f"{plan.run}{part}{suffix}"
