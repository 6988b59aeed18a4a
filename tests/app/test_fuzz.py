"""Whatever is sent to the served app: no 5xx, no traceback in its log, no hanging request."""

import json
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from neuroceleb.app.api import ENDPOINTS
from neuroceleb.app.catalogue import LANGUAGES, SORRY, translate
from tests import helpers
from tests.conftest import SHIPPED

pytestmark = pytest.mark.slow

BIG_EXAMPLES = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
AT_ONCE = 10
fuzzed = settings(  # 500 requests of each of the four kinds
    max_examples=50,
    phases=[Phase.generate],  # to make a failure smaller would take hours
    suppress_health_check=[HealthCheck.function_scoped_fixture, *BIG_EXAMPLES],
)
# The last line of a traceback, but for the refusals that Gradio logs with one.
BUG = re.compile(r"^(?!gradio\.exceptions\.Error)[\w.]+(?:Error|Exception|Exit|Warning)\b.*", re.M)
SORRY_SENTENCES = [translate(SORRY, language) for language in LANGUAGES]


class Served:
    """The app in a process of its own, whose log is a file."""

    def __init__(self, root: Path) -> None:
        self.log = root / "log"
        script = [sys.executable, str(helpers.ROOT / "app.py"), "--port", "0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*script, "--workspace", str(root)],
                env=helpers.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().split(" at ")[1].split()[0]
        self.client = httpx.Client(base_url=address, timeout=helpers.PATIENCE_S)
        config = self.client.get("/config").json()
        self.listeners = [one for one in config["dependencies"] if one["backend_fn"]]
        self.components = {one["id"]: one["type"] for one in config["components"]}

    def close(self) -> None:
        self.client.close()
        with self.process:
            self.process.kill()

    def values_of(self, component: int) -> st.SearchStrategy[Any]:
        """Mostly of the type that a component has, so that the listener itself is reached."""
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "textbox": texts,
            "number": numbers,
            "slider": st.integers(0, 70),
            "checkbox": st.booleans(),
            "dropdown": st.none() | texts,
            "radio": st.none() | texts,
        }
        kind = kinds.get(self.components[component], values)
        return st.one_of(kind, kind, kind, values)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; fails where the request is answered by a bug."""
        answer = self.client.request(method, path, **options)
        self.check(answer.status_code, answer.text)
        return answer

    def check(self, status: int, answer: str) -> None:
        log = self.log.read_text("utf-8", "replace")
        assert status < 500, answer[:500]
        assert not BUG.findall(log), log[-3_000:]
        assert not any(sentence in answer for sentence in SORRY_SENTENCES), answer[:500]

    def post(self, path: str, value: Any) -> httpx.Response:
        """As `request`, with any JSON as the body."""
        body = json.dumps(value).encode()  # NaN and lone surrogates, too
        headers = {"Content-Type": "application/json"}
        return self.request("POST", f"/gradio_api/{path}", content=body, headers=headers)

    def result(self, path: str) -> str:
        """The events of a call, until it has ended."""
        return self.request("GET", f"/gradio_api/{path}").text


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        checkpoints = root / "checkpoints"
        checkpoints.mkdir()
        (checkpoints / SHIPPED.name).symlink_to(SHIPPED)
        found = Served(root)
        yield found
        found.close()


texts = st.one_of(
    st.text(st.characters(), max_size=12),  # lone surrogates, too
    st.sampled_from(
        ["", ".", "..", "../..", "~nosuchuser", "\0", "a" * 300, "𝕏" * 80, "<b>", "NaN", "1e999"]
    ),
    st.sampled_from([SHIPPED.name, "new", "png", "mp4", "html", "0-15", "3,14", "42", "yunet"]),
)
numbers = st.one_of(
    st.integers(-3, 70),
    st.sampled_from([10**30, -(10**18), 1e308, -0.5, float("nan"), float("inf")]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
keys = st.sampled_from(["path", "url", "meta", "seed", "z", "model", "to", "face", "name", "_type"])
values = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)
        ),
        max_leaves=8,
    ),
)


def together(send: Callable[[Any], None], requests: Iterable[Any]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(send, requests))


# A search of a face and an evaluation take long and are tested elsewhere.
QUICK = sorted(ENDPOINTS.keys() - {"project", "evaluate"})
calls = st.tuples(st.sampled_from(QUICK), st.lists(values, min_size=9, max_size=12))


@fuzzed
@given(requests=st.lists(calls, min_size=AT_ONCE, max_size=AT_ONCE))
def test_any_values_of_endpoints(served: Served, requests: list[tuple[str, list[Any]]]) -> None:
    def send(request: tuple[str, list[Any]]) -> None:
        name, data = request
        answer = served.post(f"call/{name}", {"data": data})
        if answer.status_code == 200:
            assert "event: " in served.result(f"call/{name}/{answer.json()['event_id']}")

    together(send, requests)


@fuzzed
@given(data=st.data())
def test_any_values_of_listeners(served: Served, data: st.DataObject) -> None:
    bodies = []
    for _ in range(AT_ONCE):
        listener = data.draw(st.sampled_from(served.listeners))
        inputs = [served.values_of(component) for component in listener["inputs"]]
        body = {"fn_index": listener["id"], "data": data.draw(st.tuples(*inputs))}
        bodies.append(body | {"event_data": data.draw(values), "session_hash": uuid.uuid4().hex})

    def send(body: dict[str, Any]) -> None:
        if served.post("queue/join", body).status_code == 200:
            served.result(f"queue/data?session_hash={body['session_hash']}")

    together(send, bodies)


FUNCTIONS = ("sheets", "strip", "frames", "photo", "take", "epochs", "scaled", "nothing")


@fuzzed
@given(data=st.data())
def test_any_values_of_server_functions(served: Served, data: st.DataObject) -> None:
    numbers = st.sampled_from(sorted(served.components)) | values
    calls = st.lists(
        st.tuples(numbers, st.sampled_from(FUNCTIONS), values), min_size=AT_ONCE, max_size=AT_ONCE
    )

    def send(call: tuple[Any, str, Any]) -> None:
        names = ("component_id", "fn_name", "data")
        served.post("component_server", dict(zip(names, call, strict=True)) | {"session_hash": "a"})

    together(send, data.draw(calls))


STARTS = ("", "modules", "gradio_api", "gradio_api/file=", "gradio_api/upload", "config", "assets")
requests = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
    st.tuples(st.sampled_from(STARTS), st.lists(texts, max_size=3)),
    st.dictionaries(st.sampled_from(["tab", "model", "face", "epoch", "keys"]), texts, max_size=3),
    st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()),
)


@fuzzed
@given(requests=st.lists(requests, min_size=AT_ONCE, max_size=AT_ONCE))
def test_any_path(served: Served, requests: list[tuple[str, Any, dict[str, str], bytes]]) -> None:
    def send(request: tuple[str, Any, dict[str, str], bytes]) -> None:
        method, (start, rest), query, body = request
        path = quote(sendable("/".join(["", start, *rest])).replace("//", "/"))
        params = {name: sendable(text) for name, text in query.items()}
        with served.client.stream(method, path, params=params, content=body) as answer:
            served.check(answer.status_code, "")

    together(send, requests)


def sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
