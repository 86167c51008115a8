"""One client per counterparty: reads are retried, writes make one attempt, and every failure has one meaning."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote

import httpx

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import NotSent, Permanent, Refused, Transient, Uncertain, Unreadable
from cloudcollect_pipeline.web.auth import Origin, OriginAuth
from cloudcollect_pipeline.web.body import Unacceptable, whole
from cloudcollect_pipeline.web.quota import LONGEST_WAIT, Budget, Quota, Repeats
from cloudcollect_pipeline.web.strict import NotJson, decoded
from cloudcollect_pipeline.web.transport import Transport, within

NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
DEFINITE_REFUSALS = frozenset({400, 401, 403, 404, 405, 409, 410, 412, 422})
VENDOR_TEXT = 200
"""Characters kept of a counterparty's own words."""


_WHOLE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class HttpRefused(Refused):
    """A write that was refused: `status`, and the counterparty's error `code` and business `text` if it has them.

    `body` is for the adapter, which alone knows its form. It may be personal.
    """

    def __init__(self, message: str, status: int, code: str, text: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.status, self.code, self.text, self.body = status, code, text, body


class Web:
    """Requests to one origin. Safe to share between threads.

    `base_url` may carry a path prefix. `max_body` is in bytes, `timeout` in seconds between two bytes, `deadline` in
    seconds for a whole exchange. `rate_share` of the counterparty's quota is ours; the rest is left to others.
    `requests_limit` bounds all requests of this client, `repeats` the equal reads in a minute. Waiting goes through
    `clock.sleep`.
    """

    def __init__(
        self,
        base_url: str,
        auth: OriginAuth | None = None,
        *,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        max_body: int = 64 * 1024 * 1024,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        deadline: float = 300.0,
        read_attempts: int = 3,
        rate_share: float = 0.8,
        requests_limit: int | None = None,
        repeats: int | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        self.origin = Origin.of(base_url).require_secure()
        if auth is not None and auth.origin != self.origin:
            raise ValueError("the credential belongs to another origin than the one it would be sent to")
        for name in ("httpx", "httpcore"):  # both log whole URLs, query included
            logging.getLogger(name).setLevel(logging.WARNING)
        self._base, self._auth, self._clock = base_url.rstrip("/"), auth, clock
        self.clock = clock
        self._max_body, self._deadline, self._attempts = max_body, deadline, read_attempts
        self._client = httpx.Client(
            transport=transport or Transport(ca_bundle),
            timeout=httpx.Timeout(timeout, connect=connect_timeout, pool=timeout),
            follow_redirects=False,
            trust_env=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "cloudcollect-pipeline",
            },
        )
        self._quota = Quota(clock, rate_share, requests_limit)
        self._repeats = Repeats(clock, repeats)
        self.clock_skew: timedelta | None = None
        """How far the counterparty's clock is ahead of ours by its last answer's Date; None until it told one."""

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests made so far, by method."""
        return self.budget.requests

    @property
    def budget(self) -> Budget:
        """Requests made so far, and how many the counterparty says are left."""
        return self._quota.budget()

    def read(
        self,
        path: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        missing_ok: bool = False,
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        also: Sequence[int] = (),
    ) -> Answer:
        """GET a 2xx answer. Transient failures are tried again, then raised; a 404 is an answer if `missing_ok`.

        The statuses in `also` are answers too.
        """
        request = self._request("GET", path, params, {"Accept": accept, **(headers or {})}, b"")
        renewed = False
        attempt = 1
        while True:
            try:
                answer = self._read_once(request, path)
            except _Retryable as failure:
                if attempt >= self._attempts or failure.wait > LONGEST_WAIT:
                    raise Transient(f"GET {path}: {failure} ({attempt} attempts)") from None
                self._clock.sleep(max(failure.wait, 4.0 ** (attempt - 1)))
                attempt += 1
                continue
            if answer.status == 401 and self._auth is not None and self._auth.renewable and not renewed:
                renewed = True
                continue
            if answer.status < 300 or answer.status in also or (answer.status == 404 and missing_ok):
                return answer
            raise Permanent(f"GET {path} answered {answer.status}{self._hint(answer.status)}", answer.status)

    def write(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Send once and return a 2xx answer, or raise `NotSent`, `Refused` (an `HttpRefused`) or `Uncertain`."""
        what = f"{method} {path}"
        sent_headers = {"Content-Type": "application/json"} if body else {}
        request = self._request(method, path, params, sent_headers | dict(headers or {}), body)
        self._quota.spend(method, NotSent)
        try:
            answer = self._send(request)
        except NEVER_CONNECTED as error:
            raise NotSent(f"{what}: never connected ({type(error).__name__})") from None
        except (Transient, Permanent) as error:  # only the credential raises these, before anything is sent
            raise NotSent(f"{what}: {error}") from None
        except (httpx.TransportError, OSError, Unacceptable) as error:
            raise Uncertain(f"{what}: no answer that can be trusted ({type(error).__name__})") from None
        status = answer.status
        if 200 <= status < 300:
            return answer
        if status == 429:
            raise NotSent(f"{what} answered 429: the quota is used up")
        told = _vendor_error(answer.body) if status in DEFINITE_REFUSALS else None
        if told is None:
            raise Uncertain(f"{what} answered {status}", status)
        code, text = told
        message = f"{what} answered {status}{self._hint(status)}" + (f": {text}" if text else "")
        raise HttpRefused(message, status, code, text, answer.body)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Web({self.origin})"

    def _read_once(self, request: httpx.Request, path: str) -> Answer:
        self._repeats.wait(str(request.url))
        self._quota.wait_for_room()
        self._quota.spend("GET", Transient)
        try:
            answer = self._send(request)
        except Transient as error:  # the token endpoint
            raise _Retryable(str(error)) from None
        except Unacceptable as error:
            raise Unreadable(f"GET {path}: {error}") from None
        except (httpx.TransportError, OSError) as error:
            raise _Retryable(type(error).__name__) from None
        if answer.status in (408, 429) or answer.status >= 500:
            raise _Retryable(f"answered {answer.status}", self._retry_after(answer))
        return answer

    def _send(self, request: httpx.Request) -> Answer:
        sent = self._clock.now()
        with within(self._deadline):
            response = self._client.send(request, auth=self._auth, stream=True)
            try:
                headers = {name.lower(): value for name, value in response.headers.items()}
                self._quota.learn(headers)
                skew = _skew(headers.get("date", ""), sent, self._clock.now())
                self.clock_skew = self.clock_skew if skew is None else skew
                return Answer(response.status_code, headers, whole(response, self._max_body))
            finally:
                response.close()

    def _request(
        self, method: str, path: str, params: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes
    ) -> httpx.Request:
        _check_path(path)
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)
        target = f"{self._base}{path}?{query}" if query else f"{self._base}{path}"
        return self._client.build_request(method, target, headers=headers, content=body or None)

    def _retry_after(self, answer: Answer) -> float:
        text = answer.headers.get("retry-after", "")
        if text.isdecimal():
            return float(text)
        try:
            return max(0.0, (parsedate_to_datetime(text) - self._clock.now()).total_seconds())
        except (ValueError, TypeError):  # absent, not a date, or a date without zone
            return 0.0

    def _hint(self, status: int) -> str:
        return f" ({self._auth.hint})" if status == 401 and self._auth is not None and self._auth.hint else ""


def segment(value: str) -> str:
    """`value` as one path segment; what would change the path's shape is a `ValueError`."""
    if value in ("", ".", ".."):
        raise ValueError("an empty or relative path segment")
    return quote(value, safe="()")


def _check_path(path: str) -> None:
    plain = unquote(path)
    if (
        not path.startswith("/")
        or plain.startswith("//")
        or any(part in (".", "..") for part in plain.split("/"))
        or any(sign in path for sign in "?#")
        or any(sign == "\\" or sign <= " " or sign == "\x7f" for sign in path)
        or "\\" in plain
    ):
        raise ValueError("a path starts with one slash and has no query, dots or control characters")


def _skew(told: str, sent: datetime, answered: datetime) -> timedelta | None:
    """How far ahead a clock is, at least, that showed `told` in whole seconds at a moment between these two."""
    try:
        shown = parsedate_to_datetime(told)
        behind, ahead = shown + _WHOLE_SECOND - sent, shown - answered
    except (ValueError, TypeError, OverflowError):  # absent, not a date, or a date without zone
        return None
    return min(behind, timedelta(0)) or max(ahead, timedelta(0))


class _Retryable(Exception):
    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


_EMAIL = re.compile(r"\S+@\S+")
_LONG_NUMBER = re.compile(r"\d(?:[ .-]?\d){10,}")  # national ids, bank accounts
_QUERY = re.compile(r"\?\S*")
_QUOTED = re.compile(r"(['\"])([^'\"]*)\1")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")


def _vendor_error(body: bytes) -> tuple[str, str] | None:
    """(code, business message) of a JSON error, or None if the body is no such thing."""
    try:
        fields = decoded(body, dict[str, Any])
    except NotJson:
        return None
    code = next((str(fields[name]) for name in ("code", "ExceptionFaultCode") if name in fields), "")
    text = next((fields[name] for name in ("message", "ExceptionMessage") if isinstance(fields.get(name), str)), "")
    return (code if _CODE.fullmatch(code) else "", scrubbed(text))


def scrubbed(text: str) -> str:
    """The business message in a counterparty's error text, shortened, without what could be personal or a URL query."""
    said = " ".join(text.rpartition("Error:")[2].split())
    said = _QUOTED.sub(
        lambda quoted: "***" if " " in quoted[2] else quoted[0], said
    )  # names have spaces, keys have not
    for pattern in (_EMAIL, _LONG_NUMBER, _QUERY):
        said = pattern.sub("***", said)
    return said if len(said) <= VENDOR_TEXT else said[: VENDOR_TEXT - 1] + "…"
