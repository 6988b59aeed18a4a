"""The google-vision detector against a real gRPC server, through Google's own client."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import google.auth.credentials
import google.auth.exceptions
import grpc
import numpy as np
import pytest
from google.auth.transport.grpc import AuthMetadataPlugin
from google.cloud import vision
from PIL import Image, ImageDraw

from neuroceleb.data.faces import detector as detect
from neuroceleb.data.faces import google_consent, google_vision
from neuroceleb.data.faces.detector import Detector, Face
from neuroceleb.data.faces.google_consent import Consent, request_consent
from neuroceleb.data.faces.google_vision import GoogleVision
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels
from tests.data.faces.vision_server import BadPhotos, Failure, Silence, VisionServer

Code = grpc.StatusCode
Kind = vision.FaceAnnotation.Landmark.Type
Likelihood = vision.Likelihood

# What the viewer sees where, in fractions of the face's box.
PLACES = {
    Kind.LEFT_EYE: (0.3, 0.35),
    Kind.RIGHT_EYE: (0.7, 0.35),
    Kind.NOSE_TIP: (0.5, 0.55),
    Kind.MOUTH_LEFT: (0.35, 0.75),
    Kind.MOUTH_RIGHT: (0.65, 0.75),
}
COLOURS = dict(zip(PLACES, ("red", "lime", "blue", "yellow", "magenta"), strict=True))


@pytest.fixture
def server() -> Iterator[VisionServer]:
    with VisionServer() as server:
        yield server


def detector(server: VisionServer, allowed: int = 100, **settings: float) -> GoogleVision:
    quick = {"retry_delay_s": 0.01, "retry_timeout_s": 5.0} | settings
    return GoogleVision(Consent(allowed), client=server.client(), **quick)


def grey(width: int = 64, height: int = 48, level: int = 128) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def polygon(left: int, top: int, width: int, height: int) -> vision.BoundingPoly:
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    return vision.BoundingPoly(vertices=[{"x": left + x, "y": top + y} for x, y in corners])


def annotation(
    left: int = 10, top: int = 20, side: int = 20, without: Kind | None = None, **more: object
) -> vision.FaceAnnotation:
    """A frontal face; more marks than we want, in no order of ours."""
    marks = {kind: place for kind, place in PLACES.items() if kind != without}
    marks[Kind.CHIN_GNATHION] = (0.5, 1.0)
    return vision.FaceAnnotation(
        bounding_poly=polygon(left - 5, top - 5, side + 10, side + 10),
        fd_bounding_poly=polygon(left, top, side, side),
        landmarks=[
            {"type_": kind, "position": {"x": left + x * side, "y": top + y * side, "z": 1.0}}
            for kind, (x, y) in reversed(marks.items())
        ],
        detection_confidence=0.75,
        landmarking_confidence=0.5,
        roll_angle=-12.5,
        pan_angle=30.0,
        tilt_angle=4.0,
        **more,
    )


def message(server: VisionServer, **settings: float) -> str:
    """The sentence for the user; it has no text of the server."""
    with pytest.raises(UserError) as caught:
        detector(server, **settings).find([grey()])
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text and "secret" not in text
    return text


def test_landmarks_are_in_the_order_of_the_protocol(server: VisionServer) -> None:
    server.finder = lambda _image: [
        annotation(
            blurred_likelihood=Likelihood.VERY_UNLIKELY,
            under_exposed_likelihood=Likelihood.POSSIBLE,
            headwear_likelihood=Likelihood.VERY_LIKELY,
        )
    ]
    google: Detector = detector(server)
    assert google.name == "google-vision"
    ((face,),) = google.find([grey()])
    assert face.box == (10, 20, 20, 20)
    assert face.landmarks == pytest.approx(
        np.array([[16, 27], [24, 27], [20, 31], [17, 35], [23, 35]])
    )
    right_eye, left_eye = face.landmarks[:2]
    assert right_eye[0] < left_eye[0]
    assert face.score == 0.75
    assert face.extras == {
        "roll": -12.5,
        "pan": 30,
        "tilt": 4,
        "landmark_confidence": 0.5,
        "blurred": 0,
        "under_exposed": 0.5,
        "headwear": 1,
    }
    assert set(face.extras) == set(detect.EXTRAS)


@pytest.mark.parametrize(
    ("likelihood", "number"),
    [(Likelihood.UNLIKELY, 0.25), (Likelihood.LIKELY, 0.75), (Likelihood.UNKNOWN, None)],
)
def test_likelihoods_are_numbers(
    server: VisionServer, likelihood: Likelihood, number: float | None
) -> None:
    server.finder = lambda _image: [annotation(blurred_likelihood=likelihood)]
    ((face,),) = detector(server).find([grey()])
    assert face.extras.get("blurred") == number


def test_every_face_of_a_photo_largest_first(server: VisionServer) -> None:
    server.finder = lambda _image: [annotation(side=side) for side in (12, 30, 20)]
    (faces,) = detector(server).find([grey()])
    assert [face.box[2] for face in faces] == [30, 20, 12]


def test_no_face_and_no_photo(server: VisionServer) -> None:
    google = detector(server)
    assert google.find([grey()]) == [[]]
    assert google.find([]) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", PLACES)
def test_a_face_without_a_landmark_is_left_out(server: VisionServer, kind: Kind) -> None:
    server.finder = lambda _image: [annotation(without=kind), annotation(side=12)]
    (faces,) = detector(server).find([grey()])
    assert [face.box[2] for face in faces] == [12]


def test_vertices_at_the_edge_read_as_zero(server: VisionServer) -> None:
    face = annotation()
    face.fd_bounding_poly = vision.BoundingPoly(vertices=[{}, {"x": 9}, {"x": 9, "y": 8}, {"y": 8}])
    server.finder = lambda _image: [face]
    ((found,),) = detector(server).find([grey()])
    assert found.box == (0, 0, 9, 8)


def test_the_wide_box_serves_where_the_tight_one_is_missing(server: VisionServer) -> None:
    face = annotation()
    face.fd_bounding_poly = vision.BoundingPoly()
    boxless = annotation()
    boxless.fd_bounding_poly = boxless.bounding_poly = vision.BoundingPoly()
    server.finder = lambda _image: [boxless, face]
    (faces,) = detector(server).find([grey()])
    assert [face.box for face in faces] == [(5, 15, 30, 30)]


def painted(width: int, height: int, left: int, top: int, side: int) -> Pixels:
    """A photo with a face that `discs` finds: one coloured disc a landmark."""
    image = Image.new("RGB", (width, height), "grey")
    draw = ImageDraw.Draw(image)
    for kind, (x, y) in PLACES.items():
        draw.circle((left + x * side, top + y * side), side * 0.06, fill=COLOURS[kind])
    return np.asarray(image)


def discs(image: Image.Image) -> list[vision.FaceAnnotation]:
    """Look for the coloured discs in the pixels that arrived."""
    pixels = np.asarray(image).astype(int)
    marks = []
    for kind, colour in COLOURS.items():
        paint = np.asarray(Image.new("RGB", (1, 1), colour)).astype(int)[0, 0]
        down, across = np.nonzero((abs(pixels - paint) < 100).all(axis=2))
        if not len(down):
            return []
        place = {"x": float(across.mean() + 0.5), "y": float(down.mean() + 0.5)}
        marks.append({"type_": kind, "position": place})
    box = polygon(0, 0, image.width, image.height)
    return [vision.FaceAnnotation(fd_bounding_poly=box, landmarks=marks)]


def offset(face: Face, left: int, top: int, side: int) -> float:
    """How far the worst landmark lies from where it was painted, in pixels of the photo."""
    painted_at = [(left + x * side + 0.5, top + y * side + 0.5) for x, y in PLACES.values()]
    pairs = zip(face.landmarks, painted_at, strict=True)
    return max(math.dist(found, true) for found, true in pairs)


def test_a_large_photo_is_sent_reduced_and_its_faces_scaled_back(server: VisionServer) -> None:
    server.finder = discs
    place = (2600, 900, 1000)
    ((face,),) = detector(server).find([painted(4000, 2501, *place)])
    (sent,) = server.photos()
    assert sent.size == (1600, 1000)
    assert face.box == pytest.approx((0, 0, 4000, 2501))
    assert offset(face, *place) < 2.0


def test_a_small_photo_is_sent_as_it_is(server: VisionServer) -> None:
    server.finder = discs
    ((face,),) = detector(server).find([painted(300, 400, 60, 90, 200)])
    assert server.photos()[0].size == (300, 400)
    assert offset(face, 60, 90, 200) < 1.0


def test_the_side_sent_is_a_setting(server: VisionServer) -> None:
    detector(server, long_side_px=100).find([grey(150, 300), grey(3000, 1)])
    assert [photo.size for photo in server.photos()] == [(50, 100), (100, 1)]
    with pytest.raises(UserError, match="1 to 2048 px"):
        detector(server, long_side_px=2049)


def test_pixels_are_all_that_is_sent(server: VisionServer) -> None:
    detector(server).find([grey()])
    (sent,) = server.photos()
    assert sent.format == "JPEG"
    assert not sent.getexif() and not {"exif", "icc_profile", "comment"} & set(sent.info)
    (request,) = server.requests
    (one,) = request.requests
    assert one.features[0].max_results == 50
    assert b"Exif" not in one.image.content


def test_several_photos_share_a_request(server: VisionServer) -> None:
    server.finder = lambda image: [annotation(side=image.width)]
    found = detector(server).find([grey(width) for width in range(20, 27)])
    assert [len(request.requests) for request in server.requests] == [7]
    assert [faces[0].box[2] for faces in found] == list(range(20, 27))


def test_a_request_holds_sixteen_photos_at_most(server: VisionServer) -> None:
    server.finder = lambda image: [annotation(side=image.width)]
    found = detector(server).find([grey(width) for width in range(20, 55)])
    assert [len(request.requests) for request in server.requests] == [16, 16, 3]
    assert [faces[0].box[2] for faces in found] == list(range(20, 55))


def test_a_request_holds_eight_megabytes_at_most(server: VisionServer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    detector(server).find([noise] * 7)
    sizes = [sum(len(one.image.content) for one in it.requests) for it in server.requests]
    assert [len(request.requests) for request in server.requests] == [3, 3, 1]
    assert max(sizes) <= 8_000_000


def test_the_noisiest_photo_fits_a_request() -> None:
    side = google_vision.MAX_LONG_SIDE_PX
    noise = np.random.default_rng(0).integers(0, 2, (side, side, 3), dtype=np.uint8) * 255
    assert len(google_vision._jpeg(noise, side).data) < google_vision.MAX_REQUEST_BYTES


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.INTERNAL, Code.DEADLINE_EXCEEDED])
def test_transient_errors_are_retried(server: VisionServer, code: Code) -> None:
    server.script.extend([Failure(code), Failure(code)])
    server.finder = lambda _image: [annotation()]
    ((face,),) = detector(server).find([grey()])
    assert face.score == 0.75
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(Code.RESOURCE_EXHAUSTED), "quota .* used up: wait"),
        (Failure(Code.UNAUTHENTICATED), "did not accept your credentials: renew"),
        (Failure(Code.INVALID_ARGUMENT), "refused the request as invalid: update"),
        (Failure(Code.PERMISSION_DENIED, "secret"), "may not use the Cloud Vision API: give"),
        (Failure(Code.PERMISSION_DENIED, reason="SERVICE_DISABLED"), "switched off .*: enable it"),
        (
            Failure(Code.PERMISSION_DENIED, "Not been used in project 1 before or it is disabled."),
            "switched off .*: enable it",
        ),
        (Failure(Code.PERMISSION_DENIED, reason="BILLING_DISABLED"), "no billing account: link"),
        (Failure(Code.UNIMPLEMENTED, "secret"), "internal error: try again later"),
    ],
    ids=lambda it: f"{it.code.name} {it.reason}" if isinstance(it, Failure) else "",
)
def test_other_errors_are_reported_at_once(
    server: VisionServer, failure: Failure, words: str
) -> None:
    server.script.append(failure)
    assert re.search(words, message(server))
    assert len(server.requests) == 1


def test_retries_end(server: VisionServer) -> None:
    server.script.extend([Failure(Code.UNAVAILABLE, "secret")] * 500)
    assert "cannot be reached" in message(server, retry_timeout_s=0.2)
    server.script.clear()
    server.script.extend([Failure(Code.INTERNAL, "secret")] * 500)
    assert "internal error" in message(server, retry_timeout_s=0.2)


def test_a_slow_server_times_out(server: VisionServer) -> None:
    server.script.extend([Silence()] * 9)
    assert "did not answer in time" in message(server, timeout_s=0.1, retry_timeout_s=0.15)
    assert len(server.requests) <= 3


def test_a_late_response_is_requested_again(server: VisionServer) -> None:
    server.script.append(Silence())
    assert detector(server, timeout_s=0.5).find([grey()]) == [[]]
    assert len(server.requests) >= 2


def test_no_server_at_all() -> None:
    with VisionServer() as server:
        client = server.client()
    google = GoogleVision(Consent(1), client=client, retry_delay_s=0.01, retry_timeout_s=0.2)
    with pytest.raises(UserError, match="cannot be reached: check that this machine is online"):
        google.find([grey()])


def test_a_photo_that_google_cannot_read_has_no_face(server: VisionServer) -> None:
    server.finder = lambda _image: [annotation()]
    server.script.append(BadPhotos({1: Code.INVALID_ARGUMENT}))
    google = detector(server)
    assert [len(faces) for faces in google.find([grey()] * 3)] == [1, 0, 1]
    assert google.unreadable == 1
    assert len(server.requests) == 1


def test_only_photos_that_failed_are_sent_again(server: VisionServer) -> None:
    server.finder = lambda image: [annotation(side=image.width)]
    server.script.append(BadPhotos({0: Code.INTERNAL, 2: Code.UNAVAILABLE}))
    server.script.append(BadPhotos({1: Code.DEADLINE_EXCEEDED}))
    found = detector(server).find([grey(width) for width in (20, 21, 22, 23)])
    assert [faces[0].box[2] for faces in found] == [20, 21, 22, 23]
    assert [photo.width for photo in server.photos()] == [20, 21, 22, 23, 20, 22, 22]


def test_a_photo_that_meets_the_quota_stops_the_rest(server: VisionServer) -> None:
    server.script.append(BadPhotos({0: Code.RESOURCE_EXHAUSTED}))
    assert "quota" in message(server)
    assert len(server.requests) == 1


def test_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(UserError, match=r"set GOOGLE_APPLICATION_CREDENTIALS .* yunet detector"):
        GoogleVision(Consent(1))
    key = tmp_path / "secret.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    for content in (None, "not json", '{"type": "service_account", "private_key": "secret"}'):
        if content:
            key.write_text(content)
        with pytest.raises(UserError, match="No usable Google credentials") as caught:
            GoogleVision(Consent(1))
        assert "secret" not in str(caught.value)


class RevokedKey(google.auth.credentials.Credentials):
    def refresh(self, request: object) -> None:
        raise google.auth.exceptions.RefreshError("invalid_grant: secret")


def test_a_revoked_key_is_reported_at_once(server: VisionServer) -> None:
    plugin = AuthMetadataPlugin(RevokedKey(), None)
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.metadata_call_credentials(plugin)
    )
    channel = grpc.secure_channel(f"127.0.0.1:{server.secure_port}", credentials)
    with pytest.raises(UserError, match="sign-in did not work") as caught:
        GoogleVision(Consent(1), client=server.client(channel)).find([grey()])
    assert "secret" not in str(caught.value)
    assert not server.requests


def test_no_more_photos_are_sent_than_agreed(server: VisionServer) -> None:
    google = detector(server, allowed=5)
    google.find([grey()] * 3)
    with pytest.raises(UserError, match=r"agreed to send 5 photos .* number 6"):
        google.find([grey()] * 3)
    assert len(server.photos()) == 3
    google.find([grey()] * 2)
    with pytest.raises(UserError, match="agreed"):
        google.find([grey()])
    assert len(server.photos()) == 5


def test_consent_is_requested() -> None:
    shown: list[str] = []
    assert request_consent(9000, lambda text: not shown.append(text)) == Consent(9000)
    (text,) = shown
    for part in ("9,000 photos", "sent to Google", "9,000 calls", "12.00 USD", "2026"):
        assert part in text
    with pytest.raises(UserError, match="Nothing was sent"):
        request_consent(1, lambda _text: False)
    assert google_consent.consent_text(1).startswith("1 photo would")


def test_the_cost() -> None:
    prices = {0: 0, 1000: 0, 1001: 0.0015, 2000: 1.5, 5_000_000: 7498.5, 6_000_000: 8098.5}
    for count, usd in prices.items():
        assert google_consent.calls(count) == count
        assert google_consent.estimate_usd(count) == pytest.approx(usd)


def test_it_loads_neither_torch_nor_gradio() -> None:
    code = (
        "import sys, neuroceleb.data.faces.google_vision; "
        "sys.exit(bool({'torch', 'gradio', 'cv2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
