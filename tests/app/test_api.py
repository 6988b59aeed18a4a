"""The public API, driven by gradio_client as another program would."""

import base64
import io
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from neuroceleb import images
from neuroceleb.app.access import Access
from neuroceleb.app.api import ENDPOINTS, datasets, faces, runs
from neuroceleb.app.api.context import Context
from neuroceleb.app.tabs import progress
from neuroceleb.app.tabs.train import view
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, create_run
from tests import helpers
from tests.data.faces.faces_helpers import astronaut

MODEL = "celeba-mini-classic"
TINY = {"ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8, "device": "cpu", "start_from": ""}


@pytest.fixture(scope="module")
def client(app_url: str) -> Client:
    return Client(app_url, verbose=False, httpx_kwargs={"timeout": helpers.PATIENCE_S})


def test_the_documented_endpoints_and_no_others_are_public(client: Client) -> None:
    described = client.view_api(return_format="dict")
    assert described["unnamed_endpoints"] == {}
    assert set(described["named_endpoints"]) == {f"/{name}" for name in ENDPOINTS}
    for function, _ in ENDPOINTS.values():
        assert function.__doc__
        parameters = function.__annotations__.keys() - {"context", "return"}
        assert not parameters or "Args:" in function.__doc__
        assert all(f"{name}: " in function.__doc__ for name in parameters), function


def test_generate_returns_the_bytes_that_sample_writes(
    client: Client, here: helpers.Here, app_workspace: Path
) -> None:
    files = client.predict(MODEL, "3,7-8", api_name="/generate")
    out = here.workspace / "faces"
    weights = app_workspace / "checkpoints" / MODEL
    assert here("sample", str(weights), "--seeds", "3,7-8", "--out", str(out)).code == 0
    assert [Path(file).name for file in files] == [
        "seed_0003.png",
        "seed_0007.png",
        "seed_0008.png",
    ]
    for file in map(Path, files):
        assert file.read_bytes() == (out / file.name).read_bytes()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("nobody", "0", "/generate"), "There is no run 'nobody'"),
        (("../secret", "0", "/generate"), "is not a name"),
        ((MODEL, "0-256", "/generate"), "257 seeds are too many"),
        ((MODEL, "x", "/generate"), "seed"),
        ((MODEL, "0,1", 601, "/interpolate"), "frames is out of range"),
        ((MODEL, "0,1", 10, -1, False, "spiral", "/interpolate"), "'spiral' is no method"),
        ((MODEL, "0,1", 10, -1, False, "slerp", "exe", "/interpolate"), "'exe' is no format"),
        ((MODEL, 7, -1, 8, 5, "/layers"), "There is no layer 5"),
        ((MODEL, 7, -1, 65, "/layers"), "65 maps of a layer cannot be shown"),
        ((MODEL, -1, "/heatmap"), "The seed is out of range"),
        ((MODEL, 7, -1, 999, "/heatmap"), "999 noisy copies"),
        (("nobody", "/run_status"), "There is no run"),
        (("nowhere", "a", "/train"), "nowhere"),
        ((MODEL, -1, 5, "/evaluate"), "n is out of range"),
    ],
)
def test_a_refusal_is_the_sentence(client: Client, call: tuple[object, ...], words: str) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(*call[:-1], api_name=str(call[-1]))
    assert words in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_unknown_settings_and_rules_are_named(client: Client, photos: Path) -> None:
    with pytest.raises(AppError, match="no setting 'speed'"):
        client.predict(str(photos), "fast", {"speed": 9}, api_name="/train")
    with pytest.raises(AppError, match="no rule 'beauty'"):
        client.predict([], "mine", {"beauty": 1}, api_name="/crop")


def test_films_and_directions(client: Client) -> None:
    film = Path(client.predict(MODEL, "1,2", 4, -1, False, "slerp", "gif", api_name="/interpolate"))
    assert film.read_bytes().startswith(b"GIF8")
    found = client.predict(MODEL, api_name="/directions")
    assert len(found) == 10
    assert len(found[0]["step"]) == 100
    assert client.predict(MODEL, api_name="/verdict")["sentence"]


def test_layers_and_heat_maps(client: Client) -> None:
    sheet, found = client.predict(MODEL, 7, 29, 4, api_name="/layers")
    with Image.open(sheet) as image:
        assert image.size == (5 * 66 + 2, 4 * 66 + 2)
    assert [(one["layer"], one["side"]) for one in found] == [(1, 4), (2, 8), (3, 16), (4, 32)]
    assert all(len(one["channels"]) == len(one["means"]) == 4 for one in found)
    map_ = found[3]["channels"][0]
    changed, _ = client.predict(MODEL, 7, 29, 4, 4, map_, 0.0, api_name="/layers")
    with Image.open(changed) as image:
        whole, silenced = (image.crop((at, 2, at + 64, 66)).tobytes() for at in (2, 68))
    assert whole != silenced
    picture, answer = client.predict(MODEL, 7, -1, 2, 3, api_name="/heatmap")
    with Image.open(picture) as image:
        assert image.size[0] > 4 * 64
    assert len(answer["answers"]) == 4
    assert 0 < answer["answer"] < 1
    assert answer["answers"][-1] > answer["answers"][0]


def test_a_server_open_to_others_without_a_password_changes_nothing(
    tmp_path: Path, photos: Path
) -> None:
    (tmp_path / "datasets").mkdir()
    context = Context(Workspace(tmp_path), Access.of("0.0.0.0", None))
    for call in (
        lambda: runs.train(context, str(photos), "a"),
        lambda: runs.estimate(context, str(photos), "a"),
        lambda: runs.stop(context, "a"),
        lambda: runs.resume(context, "a"),
        lambda: datasets.crop(context, [], "a"),
        lambda: runs.evaluate(context, "a"),
        lambda: faces.nearest(context, "a", "0"),
    ):
        with pytest.raises(UserError, match="does not let visitors"):
            call()
    with_password = Context(context.workspace, Access.of("0.0.0.0", ("a", "b")))
    with pytest.raises(UserError, match="not under datasets"):
        runs.train(with_password, str(photos), "a")


def test_only_uploaded_files_are_read(tmp_path: Path) -> None:
    context = Context(Workspace(tmp_path), Access.of("127.0.0.1", None))
    context.files.mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    (context.files / "link.png").symlink_to(tmp_path / "secret.png")
    uploaded = context.new_file("photo.png")
    uploaded.write_bytes(b"y")
    assert context.upload({"path": str(uploaded)}) == uploaded.resolve()
    for path in (
        str(tmp_path / "secret.png"),
        str(context.files / ".." / ".." / "secret.png"),
        str(context.files / "link.png"),
        str(context.files),
        "/etc/passwd",
        None,
        7,
    ):
        with pytest.raises(UserError, match="upload it again"):
            context.upload({"path": path})


def test_a_photo_in_a_data_url_is_an_upload(context: Context) -> None:
    data = images.encode(np.zeros((8, 8, 3), np.uint8), ".png")
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    path = context.upload(url)
    assert path.read_bytes() == data
    assert path.suffix == ".png"
    assert path.is_relative_to(context.files)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/x.png",
        "data:image/png;base64,",
        "data:image/png;base64,???",
        "data:image/png,abc",
        "data:text/html;base64,PGI+",
    ],
)
def test_no_other_text_is_an_upload(context: Context, text: str) -> None:
    with pytest.raises(UserError, match="no data: URL"):
        context.upload(text)


SECRET = "only the owner of this machine may read this"


@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("endpoint", ["timelapse", "project"])
def test_a_path_in_a_request_is_never_copied_into_the_cache(
    app_url: str, app_workspace: Path, tmp_path: Path, endpoint: str, argument: int
) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    cache = app_workspace / ".cache" / "gradio"
    for path in (str(tmp_path / "secret.txt"), "http://127.0.0.1:9/x", "/dev/zero", "a\0b", 7):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = [MODEL, "mp4"]
        data[argument] = [file] if endpoint == "timelapse" else file  # type: ignore[call-overload]
        for route in (f"call/{endpoint}", f"run/{endpoint}", "queue/join"):
            answer = httpx.post(f"{app_url}gradio_api/{route}", json={"data": data, "fn_index": 0})
            assert answer.status_code == 400, route
            assert answer.json() == {"error": "A file is missing: upload it again."}
    assert not list(cache.rglob("*secret*"))


def test_routes_that_the_app_does_not_need_are_gone(app_url: str) -> None:
    for route in ("process_recording", "proxy=http://127.0.0.1:9/", "vibe-editor"):
        answer = httpx.post(f"{app_url}gradio_api/{route}", files={"video": b"x"})
        assert answer.status_code == 404, route
    body = b'{"data": [' + b" " * (9 * 2**20) + b"]}"
    headers = {"Content-Type": "application/json"}
    url = f"{app_url}gradio_api/call/runs"
    assert httpx.post(url, content=body, headers=headers, timeout=60).status_code == 413
    assert httpx.post(url, content=b"[" * 5000, headers=headers).status_code == 400


def test_long_endpoints_are_only_reached_through_the_queue(app_url: str) -> None:
    answer = httpx.post(f"{app_url}gradio_api/run/directions", json={"data": [MODEL, -1]})
    assert answer.status_code in {401, 404}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("generate", 7, "0"), "model must be a text"),
        (("generate", MODEL, "0", "12"), "epoch must be a whole number"),
        (("generate", MODEL, "0", False), "epoch must be a whole number"),
        (("generate", MODEL, "0", -1, None), "truncation must be a number"),
        (("generate", MODEL, "0", 10**30), "epoch is too large"),
        (("timelapse", MODEL, ["gif"]), "file_format must be a text"),
        (("train", "nowhere", "a", []), "settings must be an object"),
        (("crop", None, "a"), "photos must be a list of files"),
        (("resume", "a", []), "epochs must be a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused(
    client: Client, call: tuple[object, ...], words: str
) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(*call[1:], api_name=f"/{call[0]}")


def zip_of_faces(path: Path, count: int) -> Path:
    """A zip of photos of one face, each enlarged and cut a little differently."""
    portrait = Image.fromarray(astronaut())
    with zipfile.ZipFile(path, "w") as file:
        for index in range(count):
            data = io.BytesIO()
            portrait.crop((index, index // 2, 400 + index, 400 + index // 2)).save(data, "PNG")
            file.writestr(f"{index:02d}.png", data.getvalue())
    return path


@pytest.mark.slow
def test_a_client_goes_from_photos_to_films(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    app = helpers.App(root)
    try:
        client = Client(app.url, verbose=False, httpx_kwargs={"timeout": helpers.PATIENCE_S})
        archive = handle_file(str(zip_of_faces(tmp_path / "photos.zip", 12)))
        rules = {"duplicate_bits": 0}
        made = client.predict([archive], "me", rules, api_name="/crop")
        assert made["kept"] >= 8
        assert client.predict(api_name="/datasets") == ["me"]
        needed = client.predict("me", "first", TINY, api_name="/estimate")
        assert needed
        client.predict("me", "first", TINY | {"epochs": 2}, api_name="/train")
        run = Workspace(root).run("first")
        helpers.wait_for(lambda: run.state() == "finished")
        assert client.predict("first", api_name="/run_status")["epoch"] == 2
        (face,) = client.predict("first", "5", api_name="/generate")
        assert Path(face).read_bytes().startswith(b"\x89PNG")
        film = client.predict("first", "gif", api_name="/timelapse")
        assert Path(film).read_bytes().startswith(b"GIF8")
        walk = client.predict("first", "1,2", 8, api_name="/interpolate")
        assert Path(walk).stat().st_size > 0
        again = client.predict("first", 3, api_name="/resume")
        assert again["epochs"] == 3
        helpers.wait_for(lambda: run.state() == "finished" and run.status()["epoch"] == 3)
    finally:
        app.kill()


def test_visitors_who_may_only_watch_see_no_paths(tmp_path: Path) -> None:
    stranger = Context(Workspace(tmp_path), Access.of("0.0.0.0", None))
    owner = Context(Workspace(tmp_path), Access.of("127.0.0.1", None))
    run = create_run(stranger.workspace, "mine", {})
    run.write_status({"state": "failed", "message": f"{tmp_path}/photos/Anna.jpg is damaged."})
    run.log_file.write_text("Passed over Anna.jpg\n")
    shown = {"api": runs.run_status, "train": view.show, "progress": progress_status}
    for name, function in shown.items():
        assert "Anna" in str(function(owner, "mine")), name
        assert "Anna" not in str(function(stranger, "mine")), name
    sentence = f"{tmp_path}/checkpoints/mine/config.json is damaged."
    assert owner.without_paths(sentence) == sentence
    assert stranger.without_paths(sentence) == "checkpoints/mine/config.json is damaged."


def progress_status(context: Context, name: str) -> str:
    return str(progress.show(context, name, None, "", "", "")[2])
