"""Launching several processes that train one run, and reading the rank of each.

`train --ngpu N` launches them with `torchrun` (torch.distributed.run), which ends all of them when
one dies, and passes the locks taken by the queue on to rank 0. They may also be launched with
`torchrun --nproc-per-node N -m neuroceleb train …`, on one machine or several.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from neuroceleb import stop_signals
from neuroceleb.errors import Message, UserError
from neuroceleb.runs import device_lock, handover
from neuroceleb.runs.handover import Locks
from neuroceleb.runs.run import Run
from neuroceleb.runs.workspace import Workspace
from neuroceleb.settings import Settings

if TYPE_CHECKING:  # it loads PyTorch
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

POLL_S = 0.2

Result = TypeVar("Result")


# In a launched process ---------------------------------------------------------------------


def is_started_by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def world_size() -> int:
    """The number of processes; 1 where torchrun did not start this one."""
    return _from_environment("WORLD_SIZE", 1)


def rank() -> int:
    """The rank of this process; rank 0 writes the run."""
    return _from_environment("RANK", 0)


def local_rank() -> int:
    """The rank of this process on its machine, which is the index of its GPU."""
    return _from_environment("LOCAL_RANK", 0)


def local_world_size() -> int:
    """The number of processes on this machine."""
    return _from_environment("LOCAL_WORLD_SIZE", 1)


def _from_environment(name: str, default: int) -> int:
    return int(os.environ.get(name, default)) if is_started_by_torchrun() else default


def with_world_size(given: dict[str, Any]) -> dict[str, Any]:
    """The given settings; in a process of torchrun, with `ngpu` set to the world size.

    Raises UserError where another `ngpu` is given.
    """
    if not is_started_by_torchrun():
        return given
    size = world_size()
    if given.get("ngpu", size) != size:
        raise UserError(
            "--ngpu {ngpu}: torchrun has started {size} processes; leave --ngpu out.",
            ngpu=given["ngpu"],
            size=size,
        )
    return {**given, "ngpu": size}


def is_needed(settings: Settings) -> bool:
    """Whether these settings need several processes that are not launched yet."""
    return settings.ngpu > 1 and not is_started_by_torchrun()


# In the launcher ---------------------------------------------------------------------------


def train(
    run: Run, workspace: Workspace, settings: Settings, arguments: list[str], locks: Locks
) -> None:
    """Run `train` with these arguments in `--ngpu` processes and wait for their end.

    The launcher holds the device lock. Stop signals create the `stop` file. Exits with code 2
    where rank 0 has reported an error; raises UserError where a process ended without reporting.
    """
    ngpu, device = settings.ngpu, device_lock.device_for(settings.device)
    with (
        device_lock.locked(workspace, device, run.name, locks.take_device()) as device_descriptor,
        handover.offered(Locks(locks.take_run(), device_descriptor)) as environment,
        _environment(environment | _single_node_environment(ngpu)),
        ThreadPoolExecutor(1, "torchrun") as pool,
    ):
        failure = _wait_for(pool.submit(_run_torchrun, run, ngpu, arguments), run)
    if failure is not None:
        _report(failure, run, ngpu)


def _single_node_environment(ngpu: int) -> dict[str, str]:
    """Environment variables of torch.distributed on one machine; the user's own take precedence."""
    threads = max(1, (os.cpu_count() or 1) // ngpu)
    defaults = {"OMP_NUM_THREADS": str(threads), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if Path("/sys/class/net/lo").exists():  # the host's name may not resolve to an interface
        defaults |= {"GLOO_SOCKET_IFNAME": "lo"}
    return {name: os.environ.get(name, value) for name, value in defaults.items()}


def _run_torchrun(run: Run, ngpu: int, arguments: list[str]) -> "ChildFailedError | None":
    """Run torchrun in this process to its end; returns the error where a process failed."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    _refresh_heartbeat(run)
    for name in ("torch.distributed.elastic", "torch.distributed.run", "torch.distributed"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # `_report` says it in one sentence
    options = ["--standalone", "--local-addr=127.0.0.1", f"--nproc-per-node={ngpu}", "--module"]
    parsed = torchrun.parse_args([*options, "neuroceleb"])
    parsed.training_script_args = arguments  # unparsed: --run would abbreviate an own option
    try:
        torchrun.run(parsed)
    except ChildFailedError as error:
        return error
    return None


def _refresh_heartbeat(run: Run) -> None:
    """Keep a run started by the queue from looking lost while the processes import PyTorch."""
    status = run.status()
    if status["state"] == "starting":
        with suppress(UserError):
            run.write_status({**status, "heartbeat": time.time()})


def _report(failure: "ChildFailedError", run: Run, ngpu: int) -> None:
    codes = {rank: process.exitcode for rank, process in failure.failures.items()}
    if codes.get(0) == 2:  # rank 0 has reported the error
        sys.exit(2)
    first, _ = failure.get_first_failure()
    code = codes[first]
    how = Message("it ended with code {code}", code=code)
    if code < 0:
        how = Message("killed by signal {signal}", signal=-code)
    raise UserError(
        "Process {first} of the {ngpu} that train '{name}' has gone ({how}), so the others were "
        "ended: --resume continues from the last saved state.",
        first=first,
        ngpu=ngpu,
        name=run.name,
        how=how,
    )


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables within the block, for the processes started there."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _wait_for(future: "Future[Result]", run: Run) -> Result:
    """Wait for the result. On a stop signal, create the `stop` file.

    The signals are not forwarded: torchrun would kill processes whose step takes long.
    """
    stop_requested = threading.Event()

    before = stop_signals.install(stop_requested.set)
    try:
        while not wait([future], POLL_S).done:
            if stop_requested.is_set() and run.is_locked() and not run.stop_file.exists():
                run.stop_file.touch()
        if stop_requested.is_set():
            run.stop_file.unlink(missing_ok=True)
        return future.result()
    finally:
        stop_signals.restore(before)
