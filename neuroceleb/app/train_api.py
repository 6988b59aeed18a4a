"""What the Train tab shows and asks for, as plain JSON over HTTP.

The tab asks again every second or two and is answered 204, no content, where nothing changed. A
training never hangs on a request: all there is lies in the run directories.
"""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from neuroceleb.app.access import Access
from neuroceleb.app.requests import Wishes
from neuroceleb.data import dataset
from neuroceleb.errors import UserError
from neuroceleb.runs import jobs, launch, queue, verdict
from neuroceleb.runs.run import ACTIVE, Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import Settings

PUMPED_EVERY_S = 2.0
LOG_LINES = 60
FIGURES = ("epoch", "loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
IN_STATUS = (
    *("epochs", "epoch", "step", "steps", "images_seen", "images_per_second", "eta_seconds"),
    *("message", "device", "memory_mb", "gpu_memory_mb", "adjusted"),
)


@dataclasses.dataclass(frozen=True)
class Desk:
    """The trainings of a workspace, as one server lets its visitors see and change them.

    Who has access may start and stop trainings; everybody who sees the page may watch. Paths
    outside `datasets/` are taken on loopback only. Each function that changes something checks it
    itself.
    """

    workspace: Workspace
    access: Access

    # Watching ------------------------------------------------------------------------------

    def overview(self) -> dict[str, Any]:
        """Every run with its state, in the order they matter; the datasets and settings."""
        places = [waiting.run.name for waiting in queue.entries(self.workspace)]
        runs = [self._line(run, places) for run in self.workspace.runs()]
        order = {"waiting": 1, "done": 2}
        runs.sort(key=lambda line: (order.get(line["rank"], 0), line["place"] or 0, line["name"]))
        return {
            "allowed": self.access.is_open,
            "paths": self.access.is_local,
            "datasets": self._datasets(),
            "runs": runs,
        }

    def _line(self, run: Run, places: list[str]) -> dict[str, Any]:
        status = run.status()
        state = status["state"]
        rank = "now" if state in ACTIVE else "waiting" if state == "queued" else "done"
        place = places.index(run.name) + 1 if run.name in places else None
        known = {"epoch": status.get("epoch", 0), "epochs": status.get("epochs", 0)}
        return {"name": run.name, "state": state, "rank": rank, "place": place, **known}

    def _datasets(self) -> list[str]:
        try:
            found = sorted(path for path in self.workspace.datasets.iterdir())
        except OSError:
            return []
        return [
            path.name
            for path in found
            if not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() == ".zip")
        ]

    def look(self, name: str, rows_known: int) -> dict[str, Any]:
        """One run: status, verdict, newest sheet, the log's end, and the rows not known yet."""
        run = self.workspace.run(name)
        status, stats = run.status(), run.stats()
        judged = verdict.judge(stats)
        sheets = run.sheets()
        newest = max(sheets, default=None)
        first = rows_known if 0 <= rows_known <= len(stats) else 0
        return {
            "name": run.name,
            "state": status["state"],
            "status": {key: status[key] for key in IN_STATUS if key in status},
            "verdict": dataclasses.asdict(judged) if judged else None,
            "sheet": None if newest is None else _sheet(run, newest, sheets[newest]),
            "log": jobs.log_tail(run, LOG_LINES),
            "first": first,
            "rows": [[row.get(key) for key in FIGURES] for row in stats[first:]],
            "origin": self._origin(run),
            "asked": run.stop_file.exists(),
            "forceable": jobs.may_force(run),
            "resumable": self._can_go_on(run),
        }

    def _can_go_on(self, run: Run) -> bool:
        """Whether there is what it goes on from: its state, or its last weights and its photos."""
        if run.left_off_at() is None:
            return True
        try:
            dataset.locate(jobs.origin(self.workspace, run.name)[0], self.workspace.datasets)
        except UserError:
            return False
        return True

    def _origin(self, run: Run) -> dict[str, Any] | None:
        try:
            path, settings = jobs.origin(self.workspace, run.name)
        except UserError:
            return None
        return {"dataset": path, "settings": settings.to_json()}

    def stamp(self, name: str | None) -> str:
        """Changes whenever the answer to `look` and `overview` may have changed; cheap."""
        runs = self.workspace.runs()
        paths = [self.workspace.checkpoints, self.workspace.queue_folder]
        paths += [self.workspace.datasets]
        paths += [run.path / "status.json" for run in runs]
        states = [run.state() for run in runs]
        if name:
            run = self.workspace.run(name)
            paths += [run.path, run.log_file, run.path / "stats.jsonl", run.stop_file]
            states.append(str(jobs.may_force(run)))
        return f"{hash((tuple(map(_mtime, paths)), tuple(states))):x}"

    # Changing ------------------------------------------------------------------------------

    def estimate(self, wishes: dict[str, Any]) -> dict[str, Any]:
        """What a run would take, and what stands in its way; takes some seconds."""
        self.access.check("train")
        name, text, settings, _ = self._read(wishes)
        if not _measuring.acquire(blocking=False):
            raise UserError("Another estimate is being made: wait until it is done.")
        try:
            return jobs.estimate(self.workspace, name, text, settings)
        finally:
            _measuring.release()

    def start(self, wishes: dict[str, Any]) -> None:
        """Start a new run, or put it in the queue."""
        self.access.check("train")
        name, text, settings, source = self._read(wishes)
        jobs.start(self.workspace, name, jobs.new_config(self.workspace, text, source, settings))

    def change(self, act: str, wishes: dict[str, Any]) -> None:
        """Stop, force, resume, rename or delete a run."""
        self.access.check("train")
        name = str(wishes.get("name"))
        if act == "stop":
            jobs.stop(self.workspace, name)
        elif act == "force":
            jobs.force_stop(self.workspace, name)
        elif act == "resume":
            jobs.resume(self.workspace, name, wishes.get("epochs"))
        elif act == "rename":
            jobs.rename(self.workspace, name, str(wishes.get("new")))
        elif act == "delete":
            jobs.delete(self.workspace, name)
        else:
            raise UserError(f"'{act[:40]}' is nothing that can be done with a run.")

    def _read(self, wishes: dict[str, Any]) -> tuple[str, str, Settings, Path]:
        """Name, dataset, settings and the dataset's place, every one checked."""
        name, text, given = wishes.get("name"), wishes.get("dataset"), wishes.get("settings")
        if not isinstance(name, str) or not name.strip():
            raise UserError("The run has no name yet: give it one.")
        if not isinstance(text, str) or not text.strip():
            raise UserError("No dataset is chosen: choose one, or write where it is.")
        if not isinstance(given, dict):
            raise UserError("The settings are missing: reload the page.")
        text = text.strip()
        if not self.access.is_local and text not in self._datasets():
            raise UserError(f"'{text[:100]}' is not under datasets/: only those can be used here.")
        known = {spec.name for spec in dataclasses.fields(Settings)}
        settings = Settings.checked(**{key: given[key] for key in given if key in known})
        if not self.access.is_local and settings.start_from:
            self.workspace.run(settings.start_from)  # a run of ours, never a path
        return name.strip(), text, settings, dataset.locate(text, self.workspace.datasets)


_measuring = threading.Lock()


def _sheet(run: Run, epoch: int, path: Path) -> dict[str, Any]:
    return {"epoch": epoch, "url": f"sheets/{quote(run.name, safe='')}/{epoch}?v={_mtime(path)}"}


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def settings_spec() -> list[dict[str, Any]]:
    """Every setting as the form draws it: name, help, default, bounds or choices."""
    kinds = {"int": "int", "float": "float"}
    return [
        {
            "name": spec.name,
            "default": spec.default,
            "kind": "text" if "longest" in spec.metadata else kinds.get(_type_name(spec), "choice"),
            **spec.metadata,
        }
        for spec in dataclasses.fields(Settings)
    ]


def _type_name(spec: dataclasses.Field[Any]) -> str:
    return getattr(spec.type, "__name__", str(spec.type))


# Over HTTP ---------------------------------------------------------------------------------


def add_routes(app: FastAPI, workspace: Workspace, host: str, auth: tuple[str, str] | None) -> None:
    """The Train tab's addresses: `training` to watch, `training/<act>` to change."""
    desk = Desk(workspace, Access.of(host, auth))

    @app.get("/training")
    def watch(run: str = "", rows: int = 0, stamp: str = "") -> Response:
        name = run if run and Run(workspace.checkpoints / check_name(run)).exists() else None
        now = desk.stamp(name)
        if now == stamp:
            return Response(status_code=204)
        look = desk.look(name, rows) if name else None
        return JSONResponse({"stamp": now, **desk.overview(), "run": look})

    @app.post("/training/estimate")
    def estimate(wishes: Wishes) -> dict[str, Any]:
        return desk.estimate(wishes)

    @app.post("/training/start")
    def start(wishes: Wishes) -> dict[str, str]:
        desk.start(wishes)
        return {"run": str(wishes.get("name")).strip()}

    @app.post("/training/{act}")
    def change(act: str, wishes: Wishes) -> dict[str, str]:
        desk.change(act, wishes)
        return {}


def keep_pumping(workspace: Workspace) -> Callable[[], None]:
    """Start waiting runs as long as the app lives; returns what ends it."""
    ended = threading.Event()

    def pump() -> None:
        while not ended.wait(PUMPED_EVERY_S):
            try:
                launch.start_next(workspace)
            except (UserError, OSError):
                continue  # busy or read-only: next time

    threading.Thread(target=pump, daemon=True, name="queue").start()
    return ended.set
