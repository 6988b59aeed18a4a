"""Read untrusted files in a child process whose memory and time are bounded.

What a pickle or a zip asks for shows only while it is read. A child that asks for too much fails
or dies alone, and the caller reports that. One child serves all calls, one at a time, and ends
when it has had none for IDLE_S.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neuroceleb.errors import Message, UserError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

TIMEOUT_S = 120.0
IDLE_S = 60.0
READ_AT_ONCE = 2**20


class LimitExceededError(Exception):
    """The child took too much memory or time, or died."""


def call(target: str, arguments: Sequence[str], memory_bytes: int) -> Any:
    """The JSON value that a function returns, called in the child process.

    `target` is "package.module:function", of a function of ours that takes texts. Beyond what its
    module needs, it may allocate `memory_bytes`. Raises the UserError that the function raised, or
    LimitExceededError.
    """
    request = {"target": target, "arguments": list(arguments), "memory_bytes": memory_bytes}
    reply = _child.ask(json.dumps(request).encode() + b"\n")
    value = json.loads(reply)
    if "error" in value:
        raise UserError(Message.from_json(value["error"]))
    if "limit" in value:
        raise LimitExceededError(value["limit"])
    return value["result"]


class _Child:
    """The child process of this one, started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: bytes) -> bytes:
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self.close()
            try:
                return self._exchange(request)
            except OSError as error:
                process = self._process
                ended_idle = process is not None and process.poll() == 0
                self.close()
                if not ended_idle:
                    raise LimitExceededError(str(error)) from error
                return self._exchange(request)

    def _exchange(self, request: bytes) -> bytes:
        """Raises OSError where the child ends before it replies, or takes too long."""
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request)
        process.stdin.flush()
        deadline, parts = time.monotonic() + TIMEOUT_S, [b""]
        while not parts[-1].endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                process.kill()
                raise TimeoutError(f"it took over {TIMEOUT_S:.0f} s")
            parts.append(os.read(process.stdout.fileno(), READ_AT_ONCE))
            if not parts[-1]:
                process.wait()
                raise BrokenPipeError(f"exit code {process.returncode}")
        return b"".join(parts)

    def close(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.kill()
        process.wait()


_child = _Child()
atexit.register(_child.close)


def _start() -> subprocess.Popen[bytes]:
    home = str(Path(__file__).resolve().parents[1])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    path = os.pathsep.join([home, *others])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "neuroceleb.limited"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )


@contextlib.contextmanager
def memory_limited(extra_bytes: int) -> Iterator[None]:
    """Let this process map at most `extra_bytes` more within the block, where the system can.

    Beyond it allocations fail: Python raises MemoryError, PyTorch RuntimeError. For processes
    whose other threads need little memory. Without /proc nothing is limited.
    """
    now = _mapped_bytes()
    if resource is None or now is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    given = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([now + extra_bytes, *given]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _mapped_bytes() -> int | None:
    """The address space that this process uses; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


# In the child ------------------------------------------------------------------------------


def _serve() -> None:
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while select.select([sys.stdin], [], [], IDLE_S)[0]:
        request = sys.stdin.buffer.readline()
        if not request:
            return
        reply = json.dumps(_reply(json.loads(request))).encode() + b"\n"
        sys.stdout.buffer.write(reply)
        sys.stdout.buffer.flush()
        gc.collect()


def _reply(request: dict[str, Any]) -> dict[str, Any]:
    module, _, name = request["target"].partition(":")
    function = getattr(importlib.import_module(module), name)
    try:
        with memory_limited(request["memory_bytes"]):
            return {"result": function(*request["arguments"])}
    except UserError as error:
        return {"error": error.message.to_json()}
    except MemoryError:
        return {"limit": "it asked for too much memory"}
    except Exception as error:  # whatever a parser raises for hostile bytes
        return {"limit": type(error).__name__}


if __name__ == "__main__":
    _serve()
