"""Starting the processes that train one run together, and what each is told of its place.

`torchrun` (torch.distributed.run) starts them and ends all of them when one dies. `train --ngpu N`
is its caller; it hands the locks that the queue took for it on to the first one. Also right:
`torchrun --nproc-per-node N -m neuroceleb train …`, on one machine or on several.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from neuroceleb.errors import UserError
from neuroceleb.runs import queue
from neuroceleb.runs.queue import Locks
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings

if TYPE_CHECKING:  # it loads PyTorch
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

LOOK_S = 0.2

Result = TypeVar("Result")


# In a process that torchrun started --------------------------------------------------------


def is_started_by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def count() -> int:
    """How many processes train this run together; 1 where torchrun did not start this one."""
    return _told("WORLD_SIZE", 1)


def rank() -> int:
    """This one's number among all of them; 0 is the one that writes."""
    return _told("RANK", 0)


def local_rank() -> int:
    """This one's number among those on this machine: that of its GPU."""
    return _told("LOCAL_RANK", 0)


def local_count() -> int:
    """How many of them are on this machine."""
    return _told("LOCAL_WORLD_SIZE", 1)


def _told(name: str, alone: int) -> int:
    return int(os.environ.get(name, alone)) if is_started_by_torchrun() else alone


def with_count(given: dict[str, Any]) -> dict[str, Any]:
    """The settings given, with the number of processes that torchrun has started, if it has.

    Raises UserError where another number is asked for.
    """
    if not is_started_by_torchrun():
        return given
    if given.get("ngpu", count()) != count():
        raise UserError(
            f"--ngpu {given['ngpu']}: torchrun has started {count()} processes; leave --ngpu out."
        )
    return {**given, "ngpu": count()}


def is_needed(settings: Settings) -> bool:
    """Whether a run of these settings is still to be started in several processes."""
    return settings.ngpu > 1 and not is_started_by_torchrun()


# In the process that starts them -----------------------------------------------------------


def train(
    run: Run, workspace: Workspace, settings: Settings, arguments: list[str], locks: Locks
) -> None:
    """Run `train` with these arguments in as many processes as `--ngpu` says, to their end.

    Holds the device meanwhile. Ctrl-C and SIGTERM ask them to stop, as the `stop` file does.
    Leaves with code 2 where the first one has said what is wrong; raises UserError where one of
    them died without a word.
    """
    ngpu, device = settings.ngpu, queue.device_of(settings.device)
    with (
        queue.device_held(workspace, device, run.name, locks.take_device()) as held,
        queue.handed_on(Locks(locks.take_run(), held)) as environment,
        _environment(environment | _for_this_machine_alone(ngpu)),
        ThreadPoolExecutor(1, "torchrun") as pool,
    ):
        failure = _waited_for(pool.submit(_torchrun, run, ngpu, arguments), run)
    if failure is not None:
        _tell(failure, run, ngpu)


def _for_this_machine_alone(ngpu: int) -> dict[str, str]:
    """Settings of PyTorch's engine; those that the user made go before."""
    threads = max(1, (os.cpu_count() or 1) // ngpu)
    wanted = {"OMP_NUM_THREADS": str(threads), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if Path("/sys/class/net/lo").exists():  # by name: a host's own name may lead nowhere
        wanted |= {"GLOO_SOCKET_IFNAME": "lo"}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def _torchrun(run: Run, ngpu: int, arguments: list[str]) -> "ChildFailedError | None":
    """Start torchrun's engine in this process, and wait; the failure, if one of them failed."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    _is_starting_still(run)
    for name in ("torch.distributed.elastic", "torch.distributed.run", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what happened, we say in a sentence
    options = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={ngpu}", "--module"]
    order = torchrun.parse_args([*options, "neuroceleb"])
    order.training_script_args = arguments  # not parsed: it takes --run for short of an own option
    try:
        torchrun.run(order)
    except ChildFailedError as error:
        return error
    return None


def _is_starting_still(run: Run) -> None:
    """Let nobody take a run that the queue has started for lost while all of them load PyTorch."""
    status = run.status()
    if status["state"] == "starting":
        with suppress(UserError):
            run.write_status({**status, "heartbeat": time.time()})


def _tell(failure: "ChildFailedError", run: Run, ngpu: int) -> None:
    codes = {number: its.exitcode for number, its in failure.failures.items()}
    if codes.get(0) == 2:  # it has said why
        sys.exit(2)
    number, _ = failure.get_first_failure()
    code = codes[number]
    how = f"killed by signal {-code}" if code < 0 else f"it ended with code {code}"
    raise UserError(
        f"Process {number} of the {ngpu} that train '{run.name}' has gone ({how}), so the others "
        "were ended: --resume goes on from the last saved state."
    )


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    """Processes started meanwhile find these variables; those started afterwards do not."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _waited_for(future: "Future[Result]", run: Run) -> Result:
    """The result, once it is there. Meanwhile Ctrl-C and SIGTERM become a `stop` file.

    They are not passed on to the processes: torchrun would kill those whose step takes long.
    """
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not wait([future], LOOK_S).done:
            if asked.is_set() and run.is_held() and not run.stop_file.exists():
                run.stop_file.touch()
        if asked.is_set():
            run.stop_file.unlink(missing_ok=True)
        return future.result()
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
