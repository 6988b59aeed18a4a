"""The password of a server: Gradio's login page, and programs that send it with each request."""

import asyncio
import base64
import binascii
import logging
import secrets
import time
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

log = logging.getLogger(__name__)

Credentials = tuple[str, str]  # user and password

FREE_GUESSES = 10  # wrong ones in a row that are answered at once
FORGOTTEN_AFTER_S = 600.0
MAX_DELAY_S = 30.0


class Login:
    """Checks passwords, slows down guesses, and knows who has logged in.

    Gradio gives a token at each login, by which its cookies are known: see `connect`.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._expected = ":".join(credentials).encode()
        self._user = credentials[0]
        self._wrong = 0
        self._last_wrong = 0.0
        self._tokens: dict[str, str] = {}
        self._cookie = ""
        self._own_token = secrets.token_urlsafe(16)

    def connect(self, tokens: dict[str, str], cookie_id: str) -> None:
        """Share the tokens of the Gradio app, whose cookies carry this id."""
        self._tokens = tokens
        self._cookie = f"access-token-unsecure-{cookie_id}"
        tokens[self._own_token] = self._user

    async def check(self, user: str, password: str) -> bool:
        """Whether these are user and password; after FREE_GUESSES wrong ones it takes long."""
        is_right = self._is_expected(f"{user}:{password}".encode())
        await asyncio.sleep(self._delay_s())
        if is_right:
            self._wrong = 0
        else:
            self._count_wrong()
        return is_right

    def is_logged_in(self, headers: Headers) -> bool:
        """Whether a request has the cookie of a login, or the password itself (Basic)."""
        return self._has_cookie(headers) or self._has_password(headers)

    def cookie_for(self, headers: Headers) -> str | None:
        """A cookie by which Gradio accepts a request that has the password itself (Basic)."""
        if self._has_cookie(headers) or not self._has_password(headers):
            return None
        self._tokens[self._own_token] = self._user  # a logout drops all tokens of the user
        return f"{self._cookie}={self._own_token}"

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        names = (self._cookie, self._cookie.replace("-unsecure", ""))
        return any(name in cookies and cookies[name].value in self._tokens for name in names)

    def _has_password(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return False
        if time.monotonic() - self._last_wrong < self._delay_s():
            return False  # not checked, so not counted: guessing on locks nobody else out
        if not self._is_expected(given):
            self._count_wrong()
            return False
        return True

    def _is_expected(self, given: bytes) -> bool:
        return secrets.compare_digest(given, self._expected)

    def _count_wrong(self) -> None:
        self._wrong += 1
        self._last_wrong = time.monotonic()
        if self._wrong in {1, FREE_GUESSES} or self._wrong % 100 == 0:
            log.warning("%d wrong passwords in a row", self._wrong)

    def _delay_s(self) -> float:
        """How long the next check takes."""
        if time.monotonic() - self._last_wrong > FORGOTTEN_AFTER_S:
            self._wrong = 0
        over = self._wrong - FREE_GUESSES
        return 0.0 if over < 0 else min(2.0 ** min(over, 10), MAX_DELAY_S)
