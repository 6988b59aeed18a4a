"""The Train tab's routes: runs, datasets and settings as JSON; estimate, start, stop, rename.

The page polls every second or two and gets 204, no content, where nothing changed. Trainings are
processes of their own; all state is read from the run directories.
"""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from neuroceleb.app import catalogue
from neuroceleb.app.access import Access
from neuroceleb.app.background import repeat
from neuroceleb.app.catalogue import translate
from neuroceleb.app.parameters import read_text
from neuroceleb.app.payloads import JsonBody
from neuroceleb.data import dataset
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import jobs, launch, queue, verdict
from neuroceleb.runs.run import ACTIVE, Run
from neuroceleb.runs.workspace import Workspace, check_name
from neuroceleb.settings import AUTO, NONE, Settings

QUEUE_PUMPED_EVERY_S = 2.0
LOG_LINES = 60
FIGURES = ("epoch", "loss_d", "loss_g", "d_x", "d_g_z1", "d_g_z2")
STATUS_KEYS = (
    *("epochs", "epoch", "step", "steps", "images_seen", "images_per_second", "eta_seconds"),
    *("device", "memory_mb", "gpu_memory_mb", "adjusted"),
)


@dataclasses.dataclass(frozen=True)
class TrainApi:
    """The trainings of a workspace, for the visitors of one server.

    Every visitor may watch; those with access may start and stop trainings. Paths outside
    `datasets/` are accepted on loopback only. Each function that changes something checks access.
    """

    workspace: Workspace
    access: Access

    # Status --------------------------------------------------------------------------------

    def overview(self) -> dict[str, Any]:
        """Every run with its state, active and waiting ones first; the datasets."""
        places = [waiting.run.name for waiting in queue.entries(self.workspace)]
        runs = [self._summary(run, places) for run in self.workspace.runs()]
        order = {"waiting": 1, "done": 2}
        runs.sort(key=lambda line: (order.get(line["rank"], 0), line["place"] or 0, line["name"]))
        return {
            "allowed": self.access.is_open,
            "paths": self.access.is_local,
            "datasets": self._datasets(),
            "runs": runs,
        }

    def _summary(self, run: Run, places: list[str]) -> dict[str, Any]:
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

    def describe(self, name: str, known_rows: int) -> dict[str, Any]:
        """One run: status, verdict, newest sheet, end of the log, and rows after the known ones."""
        run = self.workspace.run(name)
        status, stats = run.status(), run.stats()
        judgement = verdict.judge(stats)
        sheets = run.sheets()
        newest = max(sheets, default=None)
        first = known_rows if 0 <= known_rows <= len(stats) else 0
        return {
            "name": run.name,
            "state": status["state"],
            "status": {
                **{key: status[key] for key in STATUS_KEYS if key in status},
                "message": catalogue.sentence(status, "message"),
            },
            "verdict": _verdict(judgement) if judgement else None,
            "sheet": None if newest is None else _sheet(run, newest, sheets[newest]),
            "log": jobs.log_tail(run, LOG_LINES),
            "first": first,
            "rows": [[row.get(key) for key in FIGURES] for row in stats[first:]],
            "origin": self._origin(run),
            "stop_requested": run.stop_file.exists(),
            "forceable": jobs.may_force(run),
            "resumable": self._can_resume(run),
        }

    def _can_resume(self, run: Run) -> bool:
        """Whether what resuming needs exists: the state, or the last weights and the photos."""
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
        """A value that changes whenever `describe` or `overview` may answer differently; cheap."""
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

    # Changes -------------------------------------------------------------------------------

    def estimate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Time, memory and disk that a run would take, and problems; takes some seconds."""
        self.access.check(Message("train"))
        name, text, settings, _ = self._read(values)
        if not _estimating.acquire(blocking=False):
            raise UserError("Another estimate is being made: wait until it is done.")
        try:
            found = jobs.estimate(self.workspace, name, text, settings)
        finally:
            _estimating.release()
        for problem in found["problems"]:
            problem["sentence"] = catalogue.sentence(problem, "sentence")
        if found["start_model"]:
            start = found["start_model"]
            start["reason"] = catalogue.sentence(start, "reason")
        return found

    def start(self, values: dict[str, Any]) -> None:
        """Start a new run, or put it in the queue."""
        self.access.check(Message("train"))
        name, _, settings, source = self._read(values)
        jobs.start(self.workspace, name, jobs.new_config(self.workspace, source, settings))

    def change(self, action: str, values: dict[str, Any]) -> None:
        """Stop, force, resume, rename or delete a run."""
        self.access.check(Message("train"))
        name = str(values.get("name"))
        if action == "stop":
            jobs.stop(self.workspace, name)
        elif action == "force":
            jobs.force_stop(self.workspace, name)
        elif action == "resume":
            jobs.resume(self.workspace, name, values.get("epochs"))
        elif action == "rename":
            jobs.rename(self.workspace, name, str(values.get("new")))
        elif action == "delete":
            jobs.delete(self.workspace, name)
        else:
            raise UserError(
                "'{action}' is nothing that can be done with a run.", action=action[:40]
            )

    def _read(self, values: dict[str, Any]) -> tuple[str, str, Settings, Path]:
        """Name, dataset, settings and the dataset's place, every one checked."""
        name, text, given = values.get("name"), values.get("dataset"), values.get("settings")
        name = read_text(name, Message("The run has no name yet: give it one."))
        text = read_text(text, Message("No dataset is chosen: choose one, or write where it is."))
        if not isinstance(given, dict):
            raise UserError("The settings are missing: reload the page.")
        if not self.access.is_local and text not in self._datasets():
            raise UserError(
                "'{path}' is not under datasets/: only those can be used here.", path=text[:100]
            )
        known = {spec.name for spec in dataclasses.fields(Settings)}
        settings = Settings.checked(**{key: given[key] for key in given if key in known})
        if not self.access.is_local and settings.start_from not in ("", AUTO, NONE):
            self.workspace.run(settings.start_from)  # the name of a run, never a path
        return name, text, settings, dataset.locate(text, self.workspace.datasets)


_estimating = threading.Lock()


def _sheet(run: Run, epoch: int, path: Path) -> dict[str, Any]:
    return {"epoch": epoch, "url": f"sheets/{quote(run.name, safe='')}/{epoch}?v={_mtime(path)}"}


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def settings_spec() -> list[dict[str, Any]]:
    """Every setting for the form: name, help, default, bounds or choices."""
    kinds = {"int": "int", "float": "float"}
    return [
        {
            "name": spec.name,
            "default": spec.default,
            "kind": "text"
            if "max_length" in spec.metadata
            else kinds.get(_type_name(spec), "choice"),
            **spec.metadata,
        }
        for spec in dataclasses.fields(Settings)
    ]


def _type_name(spec: dataclasses.Field[Any]) -> str:
    return getattr(spec.type, "__name__", str(spec.type))


# Over HTTP ---------------------------------------------------------------------------------


def add_routes(app: FastAPI, workspace: Workspace, access: Access) -> None:
    """`training` to poll, `training/<action>` to change."""
    api = TrainApi(workspace, access)

    @app.get("/training")
    def watch(run: str = "", rows: int = 0, stamp: str = "") -> Response:
        name = run if run and Run(workspace.checkpoints / check_name(run)).exists() else None
        now = api.stamp(name)
        if now == stamp:
            return Response(status_code=204)
        described = api.describe(name, rows) if name else None
        return JSONResponse({"stamp": now, **api.overview(), "run": described})

    @app.post("/training/estimate")
    def estimate(body: JsonBody) -> dict[str, Any]:
        return api.estimate(body)

    @app.post("/training/start")
    def start(body: JsonBody) -> dict[str, str]:
        api.start(body)
        return {"run": str(body.get("name")).strip()}

    @app.post("/training/{action}")
    def change(action: str, body: JsonBody) -> dict[str, str]:
        api.change(action, body)
        return {}


def pump_queue(workspace: Workspace) -> Callable[[], None]:
    """Start queued runs as long as the app lives; returns the function that ends it."""
    return repeat("queue", QUEUE_PUMPED_EVERY_S, lambda _: launch.start_next(workspace))


def _verdict(found: verdict.Verdict) -> dict[str, Any]:
    """As JSON, in the current language."""
    advice = translate(found.advice) if found.advice else ""
    return {**found.to_json(), "sentence": translate(found.sentence), "advice": advice}
