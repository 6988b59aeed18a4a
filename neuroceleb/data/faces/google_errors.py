"""Errors of Google Cloud Vision: which are transient, and what the user can do about the others."""

from google.api_core import exceptions

from neuroceleb.errors import gettext_noop

_SIGN_IN_FAILED = "Getting metadata from plugin failed"  # of gRPC; code UNAVAILABLE


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later: unavailable, timeout, internal error."""
    transient = (
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
    )
    return isinstance(error, transient) and _SIGN_IN_FAILED not in str(error)


_API_OFF = gettext_noop(
    "The Cloud Vision API is switched off in the Google project of your credentials: enable it "
    "in the Google Cloud console, wait a few minutes and try again."
)
_BILLING_OFF = gettext_noop(
    "The Google project of your credentials has no billing account: link one in the Google "
    "Cloud console, or use the yunet detector."
)
_NO_SIGN_IN = gettext_noop(
    "Google's sign-in did not work: check that this machine is online, and renew the key that "
    "GOOGLE_APPLICATION_CREDENTIALS points to."
)
_SENTENCES: tuple[tuple[type[exceptions.GoogleAPICallError], str], ...] = (
    (
        exceptions.Unauthorized,
        gettext_noop(
            "Google did not accept your credentials: renew the key that "
            "GOOGLE_APPLICATION_CREDENTIALS points to."
        ),
    ),
    (
        exceptions.Forbidden,
        gettext_noop(
            "Your Google credentials may not use the Cloud Vision API: give their account access "
            "to it in the Google Cloud console, or use another key."
        ),
    ),
    (
        exceptions.TooManyRequests,
        gettext_noop(
            "The quota of your Google project is used up: wait, raise it in the Google Cloud "
            "console, or use the yunet detector."
        ),
    ),
    (
        exceptions.GatewayTimeout,
        gettext_noop(
            "Google Vision did not answer in time: check your connection and try again, or use the "
            "yunet detector."
        ),
    ),
    (
        exceptions.ServiceUnavailable,
        gettext_noop(
            "Google Vision cannot be reached: check that this machine is online and try again, or "
            "use the yunet detector."
        ),
    ),
    (
        exceptions.BadRequest,
        gettext_noop(
            "Google Vision refused the request as invalid: update google-cloud-vision, or use the "
            "yunet detector."
        ),
    ),
)


def user_message(error: Exception | None) -> str:
    """One sentence, without the text of the service, which may quote keys."""
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
    return gettext_noop(
        "Google Vision had an internal error: try again later, or use the yunet detector."
    )
