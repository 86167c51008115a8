"""Reading an answer's body without letting it grow beyond a limit."""

from collections.abc import Callable

import httpx

_CHUNK = 1 << 16


class Unacceptable(Exception):
    """The body is larger than allowed, or compressed although that was not asked for."""


def whole(response: httpx.Response, limit: int, between: Callable[[], None] | None = None) -> bytes:
    """The body, at most `limit` bytes; `between` is called after each chunk and may raise."""
    # compressed bodies are refused unread: a few kilobytes can inflate to gigabytes
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unacceptable("the answer is compressed although that was not asked for")
    parts: list[bytes] = []
    total = 0
    for chunk in response.iter_bytes(_CHUNK):
        parts.append(chunk)
        total += len(chunk)
        if total > limit:
            raise Unacceptable(f"the answer is larger than {limit} bytes")
        if between is not None:
            between()
    return b"".join(parts)
