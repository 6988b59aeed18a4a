"""Face detection by Google Cloud Vision, with the user's consent, because it gets the photos.

`consent = request_consent(photo_count, confirm)`, then `GoogleVision(consent).find(photos)`.
Importing this module takes half a second, so it is imported where it is needed only.
"""

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import vision
from PIL import Image

from neuroceleb.data.faces.detector import Face, Point
from neuroceleb.data.faces.google_consent import Consent
from neuroceleb.data.faces.google_errors import is_transient, user_message
from neuroceleb.errors import UserError
from neuroceleb.images import Pixels

# The limits are 16 images and 10 MB per request; Google recommends 1600 x 1200 for faces.
MAX_REQUEST_PHOTOS = 16
MAX_REQUEST_BYTES = 8_000_000
LONG_SIDE_PX = 1600
MAX_LONG_SIDE_PX = 2048  # the largest JPEG of this size fits one request
JPEG_QUALITY = 92
MAX_FACES = 50

# Google's left is the viewer's: "LEFT_EYE, typically, is the person's right eye" (reference of
# FaceAnnotation.Landmark.Type). In the order of LANDMARKS, the person's own right eye first.
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
_FINAL = (_OK, _INVALID_ARGUMENT)  # not retried: the photo was read, or cannot be read


class GoogleVision:
    """The detector `google-vision`: Google's FACE_DETECTION, several photos per request.

    Sends no more photos than `consent` allows over its lifetime. A photo's long side is reduced
    to `long_side_px` (1 to 2048). A request times out after `timeout_s` seconds. Transient errors
    (unavailable, timeout, internal error) are retried for `retry_timeout_s` seconds, first after
    up to `retry_delay_s`, then up to twice as long each time; Google may bill a photo twice whose
    response came too late. One detector serves several threads, but one process only.
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
        retry_timeout_s: float = 90.0,
        retry_delay_s: float = 1.0,
    ) -> None:
        """Without `client`, one with this user's credentials (`google.auth.default`) is made."""
        if not 1 <= long_side_px <= MAX_LONG_SIDE_PX:
            raise UserError(
                "Send photos of 1 to {most} px, not {long_side_px}.",
                most=MAX_LONG_SIDE_PX,
                long_side_px=long_side_px,
            )
        self.unreadable = 0  # photos that Google could not read; they have no faces
        self._client = client or _signed_in_client()
        self._long_side_px = long_side_px
        self._timeout_s = timeout_s
        self._retry = Retry(
            predicate=is_transient,
            initial=retry_delay_s,
            maximum=30.0,
            multiplier=2.0,
            timeout=retry_timeout_s,
        )
        self._allowed = consent.photos
        self._counted = 0
        self._lock = threading.Lock()

    def find(self, photos: Sequence[Pixels]) -> list[list[Face]]:
        """The faces of each (H, W, 3) uint8 photo, largest first, in the photo's own pixels.

        `box` is Google's tight `fd_bounding_poly`, the skin of the face, which corresponds to
        YuNet's box. Faces without all five landmarks are omitted. Raises UserError; nothing is
        sent where the consent does not cover all photos.
        """
        self._reserve(len(photos))
        found: list[list[Face]] = []
        for jpegs in _requests(_jpeg(photo, self._long_side_px) for photo in photos):
            responses = self._responses(jpegs)
            found += [_faces(it, jpeg.scale) for it, jpeg in zip(responses, jpegs, strict=True)]
        return found

    def _reserve(self, photo_count: int) -> None:
        with self._lock:
            if self._counted + photo_count > self._allowed:
                raise UserError(
                    "You agreed to send {allowed:,} photos to Google, and this would be number "
                    "{number:,}: agree to the rest first.",
                    allowed=self._allowed,
                    number=self._counted + photo_count,
                )
            self._counted += photo_count

    def _responses(self, jpegs: Sequence["_Jpeg"]) -> list[vision.AnnotateImageResponse]:
        """One response per photo; photos that failed with a transient error are sent again."""
        responses: dict[int, vision.AnnotateImageResponse] = {}

        def request_missing() -> None:
            missing = [index for index in range(len(jpegs)) if index not in responses]
            batch = self._send([jpegs[index] for index in missing])
            new = dict(zip(missing, batch.responses, strict=False))
            responses.update((i, it) for i, it in new.items() if it.error.code in _FINAL)
            if len(responses) < len(jpegs):
                failed = [it.error.code for it in new.values() if it.error.code not in _FINAL]
                code = failed[0] if failed else _UNAVAILABLE
                raise exceptions.from_grpc_status(code, "one photo")  # type: ignore[no-untyped-call]

        try:
            self._retry(request_missing)()
        except exceptions.RetryError as error:
            raise UserError(user_message(error.cause)) from error
        except exceptions.GoogleAPIError as error:
            raise UserError(user_message(error)) from error
        with self._lock:
            self.unreadable += sum(it.error.code == _INVALID_ARGUMENT for it in responses.values())
        return [responses[index] for index in range(len(jpegs))]

    def _send(self, jpegs: Sequence["_Jpeg"]) -> vision.BatchAnnotateImagesResponse:
        feature = vision.Feature(type_=vision.Feature.Type.FACE_DETECTION, max_results=MAX_FACES)
        requests = [
            vision.AnnotateImageRequest(image=vision.Image(content=jpeg.data), features=[feature])
            for jpeg in jpegs
        ]
        # No retry by the client, whose own timeout is always ten minutes: `_retry` does it.
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
    """A photo as it is sent: pixels only, no metadata.

    `scale` are the factors from its x and y to the photo's.
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
    """Batches that fit one request each, in order."""
    batch: list[_Jpeg] = []
    size = 0
    for jpeg in jpegs:
        if batch and (
            len(batch) == MAX_REQUEST_PHOTOS or size + len(jpeg.data) > MAX_REQUEST_BYTES
        ):
            yield batch
            batch, size = [], 0
        batch.append(jpeg)
        size += len(jpeg.data)
    if batch:
        yield batch


def _faces(response: vision.AnnotateImageResponse, scale: Point) -> list[Face]:
    faces = (_face(annotation, scale) for annotation in response.face_annotations)
    return sorted((face for face in faces if face), key=_area, reverse=True)


def _face(annotation: vision.FaceAnnotation, scale: Point) -> Face | None:
    """A Face, or None where the box or one of the five landmarks is missing."""
    box = _box(annotation.fd_bounding_poly, scale) or _box(annotation.bounding_poly, scale)
    positions: dict[int, vision.Position] = {
        mark.type_: mark.position for mark in annotation.landmarks
    }
    if box is None or not all(kind in positions for kind in _KINDS):
        return None
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        (positions[kind].x * scale[0], positions[kind].y * scale[1]) for kind in _KINDS
    )
    return Face(
        box,
        (right_eye, left_eye, nose, right_mouth, left_mouth),
        annotation.detection_confidence,
        _extras(annotation),
    )


def _box(polygon: vision.BoundingPoly, scale: Point) -> tuple[float, float, float, float] | None:
    """(left, top, width, height) around the vertices; None where the area is 0.

    A coordinate that Google omits is 0.
    """
    xs = [vertex.x * scale[0] for vertex in polygon.vertices]
    ys = [vertex.y * scale[1] for vertex in polygon.vertices]
    if not xs or max(xs) == min(xs) or max(ys) == min(ys):
        return None
    left, top = min(xs), min(ys)
    return left, top, max(xs) - left, max(ys) - top


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
