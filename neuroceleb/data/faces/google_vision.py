"""Faces by Google Cloud Vision: the photos leave this machine, so somebody is asked first.

`consent = ask(photo_count, agrees)`, then `GoogleVision(consent).find(photos)`. Importing this
module takes half a second; whoever may not need it imports it late.
"""

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import vision
from PIL import Image

from neuroceleb.data.faces.detector import Face, Point
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

# The service takes 16 images and 10 MB a request; Google's advice for faces is 1600 x 1200.
PHOTOS_A_REQUEST = 16
REQUEST_BYTES = 8_000_000
LONG_SIDE_PX = 1600
LONGEST_SIDE_PX = 2048  # its noisiest JPEG still fits one request
JPEG_QUALITY = 92
FACES_A_PHOTO = 50

# List price of face detection, 2026, in USD; the free ones are per month. Check yours.
PRICE_YEAR = 2026
FREE_CALLS = 1_000
CHEAPER_FROM_CALL = 5_000_000
USD_A_THOUSAND = 1.50
USD_A_THOUSAND_CHEAPER = 0.60

# Google's left is the viewer's: "LEFT_EYE, typically, is the person's right eye" (reference of
# FaceAnnotation.Landmark.Type). In our order, the person's own right eye first.
_Kind = vision.FaceAnnotation.Landmark.Type
_KINDS = (_Kind.LEFT_EYE, _Kind.RIGHT_EYE, _Kind.NOSE_TIP, _Kind.MOUTH_LEFT, _Kind.MOUTH_RIGHT)

_LIKELIHOODS = {
    vision.Likelihood.VERY_UNLIKELY: 0.0,
    vision.Likelihood.UNLIKELY: 0.25,
    vision.Likelihood.POSSIBLE: 0.5,
    vision.Likelihood.LIKELY: 0.75,
    vision.Likelihood.VERY_LIKELY: 1.0,
}

_OK, _INVALID_ARGUMENT, _UNAVAILABLE = 0, 3, 14  # google.rpc.Code
_FINAL = (_OK, _INVALID_ARGUMENT)  # of one photo: it was read, or cannot be
_SIGN_IN_FAILED = "Getting metadata from plugin failed"  # gRPC's words; it calls it UNAVAILABLE


def calls(photo_count: int) -> int:
    """How many calls Google bills for so many photos: one per image and feature, ours is one."""
    return photo_count


def estimate_usd(photo_count: int) -> float:
    """What so many photos cost in USD at the list price, if no others are sent that month."""
    count = calls(photo_count)
    dear = max(0, min(count, CHEAPER_FROM_CALL) - FREE_CALLS)
    cheap = max(0, count - CHEAPER_FROM_CALL)
    return (dear * USD_A_THOUSAND + cheap * USD_A_THOUSAND_CHEAPER) / 1000


def consent_text(photo_count: int) -> str:
    """What somebody is told before any photo leaves the machine: how many, where to, the cost."""
    photos = "1 photo" if photo_count == 1 else f"{photo_count:,} photos"
    count = calls(photo_count)
    billed = "1 call" if count == 1 else f"{count:,} calls"
    return (
        f"{photos} would leave this machine and be sent to Google Cloud Vision, reduced and "
        f"without their EXIF: {billed}, about {estimate_usd(photo_count):,.2f} USD at the list "
        f"price of {PRICE_YEAR} (the first {FREE_CALLS:,} a month are free; check yours)."
    )


@dataclass(frozen=True)
class Consent:
    """Somebody was told what would be sent, and agreed to this many photos. Made by `ask`."""

    photos: int


def ask(photo_count: int, agrees: Callable[[str], bool]) -> Consent:
    """Show `consent_text` through `agrees`, which says whether the person does.

    Raises UserError where the person does not.
    """
    if not agrees(consent_text(photo_count)):
        raise UserError("Nothing was sent to Google: use the yunet detector, it stays here.")
    return Consent(photo_count)


class GoogleVision:
    """The detector `google-vision`: Google's FACE_DETECTION, several photos a request.

    Sends no more photos than `consent` allows over its lifetime. A photo's long side is reduced
    to `long_side_px` (1 to 2048). A request may take `timeout_s` seconds; what may pass
    (unavailable, too slow, an error inside) is tried again for `patience_s` seconds, first after
    up to `first_wait_s`, then up to twice as long each time; Google may bill a photo again that
    it answered too late. One detector serves several threads, but no second process.
    Raises UserError where no credentials are found.
    """

    name = "google-vision"

    def __init__(
        self,
        consent: Consent,
        *,
        client: vision.ImageAnnotatorClient | None = None,
        long_side_px: int = LONG_SIDE_PX,
        timeout_s: float = 60.0,
        patience_s: float = 90.0,
        first_wait_s: float = 1.0,
    ) -> None:
        """`client` is a ready one of Google's; without it, one with the credentials of this user.

        They are looked for as all Google libraries do (`google.auth.default`).
        """
        if not 1 <= long_side_px <= LONGEST_SIDE_PX:
            raise UserError(f"Send photos of 1 to {LONGEST_SIDE_PX} px, not {long_side_px}.")
        self.refused = 0  # photos that Google could not read; they count as photos without a face
        self._client = client or _signed_in_client()
        self._long_side_px = long_side_px
        self._timeout_s = timeout_s
        self._patient = Retry(
            predicate=_may_pass,
            initial=first_wait_s,
            maximum=30.0,
            multiplier=2.0,
            timeout=patience_s,
        )
        self._allowed = consent.photos
        self._handed_in = 0
        self._lock = threading.Lock()

    def find(self, photos: Sequence[Pixels]) -> list[list[Face]]:
        """The faces of each (H, W, 3) uint8 photo, largest first, in the photo's own pixels.

        `box` is Google's tight `fd_bounding_poly`, the skin of the face, which is what YuNet
        boxes. A face without all five landmarks is left out. Raises UserError, having sent
        nothing where more photos are handed in than were agreed to.
        """
        self._count(len(photos))
        found: list[list[Face]] = []
        for jpegs in _requests(_jpeg(photo, self._long_side_px) for photo in photos):
            answers = self._answers(jpegs)
            found += [_faces(a, jpeg.scale) for a, jpeg in zip(answers, jpegs, strict=True)]
        return found

    def _count(self, photo_count: int) -> None:
        with self._lock:
            if self._handed_in + photo_count > self._allowed:
                raise UserError(
                    f"You agreed to send {self._allowed:,} photos to Google, and this would be "
                    f"number {self._handed_in + photo_count:,}: agree to the rest first."
                )
            self._handed_in += photo_count

    def _answers(self, jpegs: Sequence["_Jpeg"]) -> list[vision.AnnotateImageResponse]:
        """One answer a photo; where some fail in a way that may pass, only they are sent again."""
        answers: dict[int, vision.AnnotateImageResponse] = {}

        def ask_for_the_rest() -> None:
            waiting = [index for index in range(len(jpegs)) if index not in answers]
            response = self._send([jpegs[index] for index in waiting])
            news = dict(zip(waiting, response.responses, strict=False))
            answers.update((i, it) for i, it in news.items() if it.error.code in _FINAL)
            if len(answers) < len(jpegs):
                failed = [it.error.code for it in news.values() if it.error.code not in _FINAL]
                code = failed[0] if failed else _UNAVAILABLE
                raise exceptions.from_grpc_status(code, "one photo")  # type: ignore[no-untyped-call]

        try:
            self._patient(ask_for_the_rest)()
        except exceptions.RetryError as error:
            raise UserError(_in_words(error.cause)) from error
        except exceptions.GoogleAPIError as error:
            raise UserError(_in_words(error)) from error
        with self._lock:
            self.refused += sum(it.error.code == _INVALID_ARGUMENT for it in answers.values())
        return [answers[index] for index in range(len(jpegs))]

    def _send(self, jpegs: Sequence["_Jpeg"]) -> vision.BatchAnnotateImagesResponse:
        feature = vision.Feature(
            type_=vision.Feature.Type.FACE_DETECTION, max_results=FACES_A_PHOTO
        )
        requests = [
            vision.AnnotateImageRequest(image=vision.Image(content=jpeg.data), features=[feature])
            for jpeg in jpegs
        ]
        # The client's own patience is ten minutes, whatever ours is: it tries once, we try again.
        return self._client.batch_annotate_images(
            requests=requests, retry=None, timeout=self._timeout_s
        )


def check_credentials() -> None:
    """Raises UserError where Google's libraries find no credentials; nothing is sent."""
    _signed_in_client()


def _signed_in_client() -> vision.ImageAnnotatorClient:
    try:
        return vision.ImageAnnotatorClient()
    except GoogleAuthError as error:
        raise UserError(
            "No usable Google credentials were found: set GOOGLE_APPLICATION_CREDENTIALS to the "
            "key file of a service account, or run 'gcloud auth application-default login', or use "
            "the yunet detector, which needs none."
        ) from error


@dataclass(frozen=True)
class _Jpeg:
    """What Google sees of a photo: pixels only, no metadata.

    `scale` is what its x and y are multiplied by to be the photo's own.
    """

    data: bytes
    scale: Point


def _jpeg(photo: Pixels, long_side_px: int) -> _Jpeg:
    image = Image.fromarray(photo)
    image.thumbnail((long_side_px, long_side_px))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    height, width = photo.shape[:2]
    return _Jpeg(buffer.getvalue(), (width / image.width, height / image.height))


def _requests(jpegs: Iterator[_Jpeg]) -> Iterator[list[_Jpeg]]:
    """Lay photos together, in their order, as long as they fit one request."""
    batch: list[_Jpeg] = []
    size = 0
    for jpeg in jpegs:
        if batch and (len(batch) == PHOTOS_A_REQUEST or size + len(jpeg.data) > REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(jpeg)
        size += len(jpeg.data)
    if batch:
        yield batch


def _faces(answer: vision.AnnotateImageResponse, scale: Point) -> list[Face]:
    faces = (_face(annotation, scale) for annotation in answer.face_annotations)
    return sorted((face for face in faces if face), key=_area, reverse=True)


def _face(annotation: vision.FaceAnnotation, scale: Point) -> Face | None:
    """Our Face of Google's, or None where the box or one of the five landmarks is missing."""
    box = _box(annotation.fd_bounding_poly, scale) or _box(annotation.bounding_poly, scale)
    places: dict[int, vision.Position] = {
        mark.type_: mark.position for mark in annotation.landmarks
    }
    if box is None or not all(kind in places for kind in _KINDS):
        return None
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        (places[kind].x * scale[0], places[kind].y * scale[1]) for kind in _KINDS
    )
    return Face(
        box,
        (right_eye, left_eye, nose, right_mouth, left_mouth),
        annotation.detection_confidence,
        _extras(annotation),
    )


def _box(polygon: vision.BoundingPoly, scale: Point) -> tuple[float, float, float, float] | None:
    """(left, top, width, height) around the vertices; None where they enclose nothing.

    A coordinate that Google leaves out reads as 0, which is what it means.
    """
    across = [vertex.x * scale[0] for vertex in polygon.vertices]
    down = [vertex.y * scale[1] for vertex in polygon.vertices]
    if not across or max(across) == min(across) or max(down) == min(down):
        return None
    left, top = min(across), min(down)
    return left, top, max(across) - left, max(down) - top


def _extras(annotation: vision.FaceAnnotation) -> dict[str, float]:
    likelihoods = {
        "blurred": annotation.blurred_likelihood,
        "under_exposed": annotation.under_exposed_likelihood,
        "headwear": annotation.headwear_likelihood,
    }
    return {
        "roll": annotation.roll_angle,
        "pan": annotation.pan_angle,
        "tilt": annotation.tilt_angle,
        "landmark_confidence": annotation.landmarking_confidence,
    } | {name: _LIKELIHOODS[it] for name, it in likelihoods.items() if it in _LIKELIHOODS}


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]


def _may_pass(error: BaseException) -> bool:
    passing = (
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
    )
    return isinstance(error, passing) and _SIGN_IN_FAILED not in str(error)


_API_OFF = (
    "The Cloud Vision API is switched off in the Google project of your credentials: enable it "
    "in the Google Cloud console, wait a few minutes and try again."
)
_BILLING_OFF = (
    "The Google project of your credentials has no billing account: link one in the Google "
    "Cloud console, or use the yunet detector."
)
_NO_SIGN_IN = (
    "Google's sign-in did not work: check that this machine is online, and renew the key that "
    "GOOGLE_APPLICATION_CREDENTIALS points to."
)
_SENTENCES: tuple[tuple[type[exceptions.GoogleAPICallError], str], ...] = (
    (
        exceptions.Unauthorized,
        "Google did not accept your credentials: renew the key that "
        "GOOGLE_APPLICATION_CREDENTIALS points to.",
    ),
    (
        exceptions.Forbidden,
        "Your Google credentials may not use the Cloud Vision API: give their account access to "
        "it in the Google Cloud console, or use another key.",
    ),
    (
        exceptions.TooManyRequests,
        "The quota of your Google project is used up: wait, raise it in the Google Cloud "
        "console, or use the yunet detector.",
    ),
    (
        exceptions.GatewayTimeout,
        "Google Vision did not answer in time: check your connection and try again, or use the "
        "yunet detector.",
    ),
    (
        exceptions.ServiceUnavailable,
        "Google Vision cannot be reached: check that this machine is online and try again, or "
        "use the yunet detector.",
    ),
    (
        exceptions.BadRequest,
        "Google Vision refused the request as invalid: update google-cloud-vision, or use the "
        "yunet detector.",
    ),
)


def _in_words(error: Exception | None) -> str:
    """One sentence; nothing the service wrote gets into it, for that may quote keys."""
    if _SIGN_IN_FAILED in str(error):
        return _NO_SIGN_IN
    if isinstance(error, exceptions.Forbidden):
        if error.reason == "SERVICE_DISABLED" or "it is disabled" in str(error):
            return _API_OFF
        if error.reason == "BILLING_DISABLED":
            return _BILLING_OFF
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence
    return "Google Vision failed inside: try again later, or use the yunet detector."
