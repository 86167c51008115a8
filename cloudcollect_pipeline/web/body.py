"""Reading an answer's body without letting it grow beyond a limit."""

import httpx


class Unacceptable(Exception):
    """The body is larger than allowed, or compressed although that was not asked for."""


def whole(response: httpx.Response, limit: int) -> bytes:
    """The body, at most `limit` bytes."""
    # compressed bodies are refused unread: a few kilobytes can inflate to gigabytes
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unacceptable("the answer is compressed although that was not asked for")
    # one growing buffer: a body that comes byte by byte must not become millions of little objects
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise Unacceptable(f"the answer is larger than {limit} bytes")
    return bytes(body)
