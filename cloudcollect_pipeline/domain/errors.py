"""What can go wrong when talking to a counterparty: the class is the meaning, the message names the record.

Messages carry status, endpoint name and key; never a URL query, a body or a person.
"""


class CounterpartyError(Exception):
    """Base of everything a counterparty or the way to it can do wrong."""


class Transient(CounterpartyError):
    """A read failed in a way that another attempt could mend (timeout, 429, 5xx)."""


class Permanent(CounterpartyError):
    """A read was refused for good (401, 403, 404 on a list, wrong tenant): a person must change something.

    `status` is the answer's where there was one, `code` the word by which a token endpoint says why.
    """

    def __init__(self, message: str = "", status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Unreadable(CounterpartyError):
    """The answer to a read is not what the contract promises (HTML with 200, truncated JSON, not an array)."""


class NotSent(CounterpartyError):
    """A write definitely had no effect and may be sent on a later night (never connected, 429)."""


class Gated(NotSent):
    """A write had no effect, and will have none until a person opens `link`; `what` names what is missing there."""

    def __init__(self, message: str, what: str, link: str) -> None:
        super().__init__(message)
        self.what, self.link = what, link


class Refused(CounterpartyError):
    """A write was definitely refused (400, 401, 403, 404, 409, 412, 422 with a parsed error)."""


class Uncertain(CounterpartyError):
    """Nobody knows whether a write had its effect: timeout, reset, 5xx, unreadable answer.

    `status` is the answer's where it was one that proves nothing.
    """

    def __init__(self, message: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
