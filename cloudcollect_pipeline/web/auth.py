"""Credentials bound to one origin: they refuse to be attached to a request that goes anywhere else."""

import re
import threading
from collections.abc import Generator
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple, NoReturn

import httpx
import msgspec

from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import Permanent, Transient
from cloudcollect_pipeline.web.body import Unacceptable, whole
from cloudcollect_pipeline.web.strict import NotJson, decoded, strict
from cloudcollect_pipeline.web.transport import Transport, within

SLACK = timedelta(seconds=60)
"""A token is renewed this long before it expires."""

_TOKEN_BODY = 65_536
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OAUTH_ERROR = re.compile(r"[a-z_]{1,40}")
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Origin(NamedTuple):
    """Scheme, host and port: all three must be equal for a credential to be sent."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str | httpx.URL) -> "Origin":
        """The origin of an http(s) URL, with the scheme's port when none is given."""
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError("an http or https URL with a host is needed")
        return cls(parsed.scheme, parsed.host, parsed.port or (443 if parsed.scheme == "https" else 80))

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def require_secure(self) -> "Origin":
        """Itself; plain http to another machine is a `ValueError`."""
        if self.scheme != "https" and not self.loopback:
            raise ValueError(f"{self.host} must be reached over https; plain http is for this machine only")
        return self

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


class Secret:
    """A text that shows as *** wherever it is printed, and cannot be pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not stored")


class OriginAuth(httpx.Auth):
    """A credential for one origin. `hint` is what to look at after a 401; `renewable` whether asking again can help."""

    hint = ""
    renewable = False
    header = "Authorization"

    def __init__(self, origin: str | Origin) -> None:
        self.origin = (origin if isinstance(origin, Origin) else Origin.of(origin)).require_secure()

    def credential(self) -> str:
        """The value of the header; may raise `Transient` or `Permanent`."""
        raise NotImplementedError

    def rejected(self, credential: str) -> None:
        """The server answered 401 to `credential`."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Attach the credential, after making sure where it goes."""
        if Origin.of(request.url) != self.origin:
            raise Permanent(f"the credential of {self.origin} was about to be sent to another origin")
        credential = self.credential()
        request.headers[self.header] = credential
        response = yield request
        if response.status_code == 401:
            self.rejected(credential)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.origin}: ***>"


class BearerKey(OriginAuth):
    """A fixed API key, sent as bearer token to `origin` (a URL or an `Origin`)."""

    hint = "is the API key the right one, and of this environment?"

    def __init__(self, key: str, origin: str | Origin) -> None:
        super().__init__(origin)
        if not _TOKEN.fullmatch(key):
            raise ValueError("an API key is printable ASCII without spaces")
        self._key = Secret(key)

    def credential(self) -> str:
        """The key as bearer token."""
        return f"Bearer {self._key.reveal()}"


class HeaderKey(BearerKey):
    """A fixed API key, sent to `origin` in a header of its own called `name`."""

    def __init__(self, name: str, key: str, origin: str | Origin) -> None:
        super().__init__(key, origin)
        self.header = name

    def credential(self) -> str:
        """The key as it is."""
        return self._key.reveal()


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int
    scope: str | None = None


class ClientCredentials(OriginAuth):
    """OAuth 2 client credentials of one company: the token goes to `origin`, the secret to `token_url` only.

    Errors of the token endpoint are `Transient` or `Permanent`; `Web` turns both into `NotSent` when it was about to
    write. After a 401 the token is dropped, so that the next request fetches a new one.
    """

    hint = "is tenant_id the company tenant (not the customer tenant), and was the app granted access to it?"
    renewable = True

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        tenant_id: str,
        scope: str,
        origin: str | Origin,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
        deadline: float = 60.0,
    ) -> None:
        super().__init__(origin)
        Origin.of(token_url).require_secure()
        self._url, self._id, self._secret = token_url, client_id, Secret(client_secret)
        self._tenant, self._scope, self._clock = tenant_id, scope, clock
        self._deadline = deadline
        self._client = httpx.Client(
            transport=transport or Transport(), timeout=_TIMEOUT, follow_redirects=False, trust_env=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )  # fmt: skip
        self._lock = threading.Lock()
        self.granted: frozenset[str] | None = None
        """The scopes of the newest token as its answer tells them; None when there is none or it does not tell."""
        self._token: Secret | None = None
        self._expires: datetime | None = None

    def credential(self) -> str:
        """The current token, fetched when there is none or it is about to expire."""
        with self._lock:
            if self._token is None or self._expires is None or self._clock.now() >= self._expires:
                answer = self._fetch()
                self._token = Secret(answer.access_token)
                self.granted = None if answer.scope is None else frozenset(answer.scope.split())
                self._expires = self._clock.now() + timedelta(seconds=answer.expires_in) - SLACK
            return f"Bearer {self._token.reveal()}"

    def rejected(self, credential: str) -> None:
        """Drop the token, unless another thread has already fetched a newer one."""
        with self._lock:
            if self._token is not None and credential == f"Bearer {self._token.reveal()}":
                self._token = None

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        self._client.close()

    def _fetch(self) -> _Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._id,
            "client_secret": self._secret.reveal(),
            "scope": self._scope,
            "tenant_id": self._tenant,
        }
        try:
            with within(self._deadline), self._client.stream("POST", self._url, data=form) as response:
                status, body = response.status_code, whole(response, _TOKEN_BODY)
        except (httpx.TransportError, OSError, Unacceptable) as error:
            raise Transient(f"the token endpoint could not be asked ({type(error).__name__})") from None
        if status == 429 or status >= 500:
            raise Transient(f"the token endpoint answered {status}")
        if status != 200:
            hint = f"; {self.hint}" if status in (400, 401, 403) else ""
            code = _oauth_error(body)
            told = f" {code}" if code else ""
            raise Permanent(f"the token endpoint answered {status}{told}{hint}", status, code)
        try:
            token = decoded(strict(body), _Token)
        except NotJson:
            raise Transient("the token endpoint answered 200 without a token") from None
        if not _TOKEN.fullmatch(token.access_token) or not 0 < token.expires_in < 10**7:
            raise Transient("the token endpoint answered 200 with a token that cannot be used")
        return token


class _OAuthError(msgspec.Struct):
    error: str


def _oauth_error(body: bytes) -> str:
    try:
        code = decoded(body, _OAuthError).error
    except NotJson:
        return ""
    return code if _OAUTH_ERROR.fullmatch(code) else ""
