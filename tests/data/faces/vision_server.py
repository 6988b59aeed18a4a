"""A local Cloud Vision server with the real wire protocol, for Google's own client."""

import io
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import grpc
from google.cloud import vision
from google.cloud.vision_v1.services.image_annotator.transports import ImageAnnotatorGrpcTransport
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from PIL import Image

SERVICE = "google.cloud.vision.v1.ImageAnnotator"
MAX_IMAGES = 16
MAX_BYTES = 10_000_000

Finder = Callable[[Image.Image], Sequence[vision.FaceAnnotation]]


@dataclass(frozen=True)
class Failure:
    """A request that is answered by an error; `reason` goes into its ErrorInfo, as Google does."""

    code: grpc.StatusCode
    message: str = "text of the server"
    reason: str = ""


@dataclass(frozen=True)
class BadPhotos:
    """A request that is answered, but the photos at these places by an error of their own."""

    codes: dict[int, grpc.StatusCode]


class Silence:
    """A request that is not answered before its client gives up."""


Act = Failure | BadPhotos | Silence


class VisionServer:
    """Answers BatchAnnotateImages on 127.0.0.1: `script` first, then whatever `finder` finds.

    Every request is decoded as the service would: at most 16 images and 10 MB, each an image.
    `requests` keeps them all.
    """

    def __init__(self, finder: Finder = lambda _image: ()) -> None:
        self.finder = finder
        self.script: deque[Act] = deque()
        self.requests: list[vision.BatchAnnotateImagesRequest] = []
        self._leaving = threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=4),
            options=[("grpc.max_receive_message_length", 2 * MAX_BYTES)],
        )
        method = grpc.unary_unary_rpc_method_handler(
            self._answer,
            request_deserializer=vision.BatchAnnotateImagesRequest.deserialize,
            response_serializer=vision.BatchAnnotateImagesResponse.serialize,
        )
        handler = grpc.method_handlers_generic_handler(SERVICE, {"BatchAnnotateImages": method})
        self._server.add_generic_rpc_handlers((handler,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.secure_port = self._server.add_secure_port(
            "127.0.0.1:0", grpc.local_server_credentials()
        )

    def __enter__(self) -> "VisionServer":
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        self._server.stop(grace=None).wait()

    def client(self, channel: grpc.Channel | None = None) -> vision.ImageAnnotatorClient:
        """Google's own client, talking to this server."""
        channel = channel or grpc.insecure_channel(f"127.0.0.1:{self.port}")
        return vision.ImageAnnotatorClient(transport=ImageAnnotatorGrpcTransport(channel=channel))

    def photos(self) -> list[Image.Image]:
        """Every image that reached the server, in order."""
        sent = [one.image.content for request in self.requests for one in request.requests]
        return [Image.open(io.BytesIO(content)) for content in sent]

    def _answer(
        self, request: vision.BatchAnnotateImagesRequest, context: grpc.ServicerContext
    ) -> vision.BatchAnnotateImagesResponse:
        self.requests.append(request)
        act = self.script.popleft() if self.script else None
        if isinstance(act, Silence):
            self._leaving.wait(30)
        if isinstance(act, Failure):
            context.abort_with_status(rpc_status.to_status(_status(act)))
        size = len(vision.BatchAnnotateImagesRequest.serialize(request))
        if len(request.requests) > MAX_IMAGES or size > MAX_BYTES:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Request too large.")
        bad = act.codes if isinstance(act, BadPhotos) else {}
        return vision.BatchAnnotateImagesResponse(
            responses=[
                _error(bad[index]) if index in bad else self._annotate(one)
                for index, one in enumerate(request.requests)
            ]
        )

    def _annotate(self, request: vision.AnnotateImageRequest) -> vision.AnnotateImageResponse:
        (feature,) = request.features
        assert feature.type_ == vision.Feature.Type.FACE_DETECTION
        try:
            image = Image.open(io.BytesIO(request.image.content)).convert("RGB")
        except OSError:
            return _error(grpc.StatusCode.INVALID_ARGUMENT)
        faces = list(self.finder(image))[: feature.max_results or 10]
        return vision.AnnotateImageResponse(face_annotations=faces)


def _status(failure: Failure) -> status_pb2.Status:
    status = status_pb2.Status(code=failure.code.value[0], message=failure.message)
    if failure.reason:
        info = any_pb2.Any()
        info.Pack(error_details_pb2.ErrorInfo(reason=failure.reason, domain="googleapis.com"))
        status.details.append(info)
    return status


def _error(code: grpc.StatusCode) -> vision.AnnotateImageResponse:
    status = status_pb2.Status(code=code.value[0], message="Bad image data.")
    return vision.AnnotateImageResponse(error=status)
