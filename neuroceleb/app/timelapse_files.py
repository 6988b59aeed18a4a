"""Timelapses of runs as MP4 or GIF, written by background tasks."""

from typing import Any

from neuroceleb.app.background import Kind, Task, Tasks
from neuroceleb.app.parameters import read_number, read_whole
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import timelapse
from neuroceleb.runs.run import Run

SUFFIXES = {"mp4": ".mp4", "gif": ".gif"}
KIND = Kind(
    "timelapse",
    max_pending=1,
    busy=Message("Another timelapse is being made: wait until it is done."),
    abandoned_after_s=120.0,  # browsers slow down the timers of hidden pages to one a minute
    kept_s=3_600.0,
    max_kept=20,
)


def submit(run: Run, tasks: Tasks, values: dict[str, Any]) -> Task:
    """Queue the timelapse of a run. `values`: format, face, fps, curves. Raises UserError."""
    suffix = SUFFIXES.get(str(values.get("format")))
    if suffix is None:
        raise UserError("A timelapse is an MP4 or a GIF: choose one of them.")
    face = values.get("face")
    plan = timelapse.plan(
        run,
        suffix,
        face=None if face is None else read_whole(face, Message("The face")),
        fps=float(
            read_number(values.get("fps", timelapse.FPS), Message("The number of epochs a second"))
        ),
        curves=values.get("curves") is not False,
    )

    def work(task: Task) -> dict[str, Any]:
        timelapse.write(plan, task.file, task.report_frames)
        return {"frames": plan.count}

    part = "" if plan.face is None else f"_face_{plan.face}"
    return tasks.submit(KIND, work, f"{plan.run}{part}{suffix}")
