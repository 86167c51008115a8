"""Receivers: the ways by which a message reaches people, each within one deadline."""

import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from cloudcollect_pipeline.alerts.message import Message
from cloudcollect_pipeline.domain.clock import Clock
from cloudcollect_pipeline.domain.errors import CounterpartyError, NotSent
from cloudcollect_pipeline.settings import (
    AlertSettings,
    EmailSettings,
    HookSettings,
    News,
    ReceiverSettings,
)
from cloudcollect_pipeline.web import SystemClock, Web

DEADLINE = 10.0
"""Seconds that one receiver may take with one message, from connecting to its last byte."""
ANSWER = 256 * 1024
"""Bytes of an answer that are read."""

Body = Callable[[str, Message], Mapping[str, Any]]
"""A message and its key -> the JSON that a kind of receiver takes."""


class NotTold(Exception):
    """A receiver was not told, or nobody knows; says why, without its address. `answers` is whether it spoke at all."""

    def __init__(self, why: str, *, answers: bool) -> None:
        super().__init__(why)
        self.answers = answers


class Receiver(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """What it is called in the settings, such as `slack finance`."""
        ...

    def wants(self, news: News, company: str) -> bool:
        """Whether it is to be told such news of a company; an empty name stands for all of them."""
        ...

    def tell(self, key: str, message: Message) -> None:
        """Tell it once, or raise `NotTold`. `key` names the message: the same twice is the same message."""
        ...


def receivers(settings: AlertSettings, clock: Clock | None = None, *, deadline: float = DEADLINE) -> list[Receiver]:
    """Everybody whom the settings name, in a fixed order. The health check is not among them (`ping`)."""
    now = clock or SystemClock()
    told: list[Receiver] = [
        Email(f"email {name}", each, now, deadline) for name, each in sorted(settings.email.items())
    ]
    hooks: tuple[tuple[str, Mapping[str, HookSettings], Body], ...] = (
        ("slack", settings.slack, slack),
        ("teams", settings.teams, teams),
        ("webhook", settings.webhook, plain),
    )
    for kind, named, body in hooks:
        told += [Hook(f"{kind} {name}", each, body, now, deadline) for name, each in sorted(named.items())]
    return told


# --- over HTTP -------------------------------------------------------------------------------------------------------


def post(url: str, body: bytes, clock: Clock, deadline: float) -> None:
    """One POST to a secret address, or `NotTold`."""
    parts = urlsplit(url)
    try:
        with Web(
            f"{parts.scheme}://{parts.netloc}",
            clock=clock,
            timeout=deadline,
            connect_timeout=deadline,
            deadline=deadline,
            max_body=ANSWER,
        ) as web:
            web.write("POST", parts.path or "/", body, params=parse_qsl(parts.query, keep_blank_values=True))
    except CounterpartyError as error:
        raise _why(error) from None
    except ValueError:
        raise NotTold("its address cannot be used", answers=True) from None


def _why(error: CounterpartyError) -> NotTold:
    # the messages of errors name the path, which is the secret of such an address
    status = getattr(error, "status", None)
    if status is not None:
        return NotTold(f"it answered {status}", answers=True)
    if isinstance(error, NotSent):
        return NotTold("it could not be reached, or takes no more for now", answers=False)
    return NotTold("no answer in time that could be trusted", answers=False)


@dataclass(frozen=True)
class Hook:
    """A receiver with a secret address that takes JSON."""

    name: str
    settings: HookSettings
    body: Body
    clock: Clock
    deadline: float

    def wants(self, news: News, company: str) -> bool:
        """As the settings say."""
        return _wants(self.settings, news, company)

    def tell(self, key: str, message: Message) -> None:
        """One POST."""
        body = json.dumps(self.body(key, message), ensure_ascii=False).encode()
        post(self.settings.url.get_secret_value(), body, self.clock, self.deadline)


def _wants(settings: ReceiverSettings, news: News, company: str) -> bool:
    return news in settings.wants and (not company or not settings.companies or company in settings.companies)


def plain(key: str, message: Message) -> dict[str, Any]:
    """Plain JSON; `id` is the same when a message had to be sent again. Amounts in `data` are øre."""
    return {
        "id": key,
        "news": message.news,
        "company": message.company,
        "severity": message.severity,
        "subject": message.subject,
        "text": message.text(),
        "link": message.link,
        "data": message.data,
    }


def slack(key: str, message: Message) -> dict[str, Any]:
    """Blocks of an incoming webhook: a header, the lines, a link."""
    lines = "\n".join(
        f"*{_mrkdwn(label)}*  {_mrkdwn(said)}" if label else _mrkdwn(said) for label, said in message.lines
    )
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _short(_headline(message), 150)}},
        {"type": "section", "text": {"type": "mrkdwn", "text": _short(lines, 3000)}},
    ]
    if message.link:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{_mrkdwn(message.link)}>"}]})
    return {"text": _mrkdwn(_headline(message)), "blocks": blocks}


def teams(key: str, message: Message) -> dict[str, Any]:
    """An Adaptive Card, as the Workflows trigger of Teams takes it."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            {
                "type": "TextBlock",
                "text": _headline(message),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
                "color": {"good": "Good", "person": "Warning", "off": "Attention"}[message.severity],
            },
            {"type": "FactSet", "facts": [{"title": label, "value": said} for label, said in message.lines]},
        ],
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Dagster", "url": message.link}]
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }


MARKS: Mapping[str, str] = {
    "good": "\N{LARGE GREEN CIRCLE}",
    "person": "\N{LARGE YELLOW CIRCLE}",
    "off": "\N{LARGE RED CIRCLE}",
}


def _headline(message: Message) -> str:
    return f"{MARKS[message.severity]} {message.subject}"


def _mrkdwn(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# --- by e-mail -------------------------------------------------------------------------------------------------------


class _Plain(smtplib.SMTP):
    # smtplib holds a certificate against the host that its constructor was given; but that would connect at once,
    # with nothing to end it by
    _host: str


class _Tls(smtplib.SMTP_SSL):
    _host: str


@dataclass(frozen=True)
class Email:
    """A receiver with a mail server and addresses."""

    name: str
    settings: EmailSettings
    clock: Clock
    deadline: float

    def wants(self, news: News, company: str) -> bool:
        """As the settings say."""
        return _wants(self.settings, news, company)

    def tell(self, key: str, message: Message) -> None:
        """One message to all addresses; told if the server took it for any of them."""
        settings, trusted = self.settings, ssl.create_default_context()
        server = (
            _Tls(timeout=self.deadline, context=trusted)
            if settings.encryption == "tls"
            else _Plain(timeout=self.deadline)
        )
        server._host = settings.host
        try:
            with _over_in(self.deadline, server), closing(server):
                server.connect(settings.host, settings.port)
                if settings.encryption == "starttls":
                    server.starttls(context=trusted)
                if settings.username and settings.password:
                    server.login(settings.username, settings.password.get_secret_value())
                server.send_message(mail(key, message, settings, self.clock.now()))
                with suppress(OSError):  # it has the message: how it says goodbye counts for nothing
                    server.quit()
        except smtplib.SMTPResponseException as error:
            raise NotTold(f"the mail server answered {error.smtp_code}", answers=True) from None
        except smtplib.SMTPRecipientsRefused:
            raise NotTold("the mail server refused every address", answers=True) from None
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise NotTold(f"the mail server could not be used ({type(error).__name__})", answers=False) from None


def mail(key: str, message: Message, settings: EmailSettings, now: datetime) -> EmailMessage:
    """Text, and the same as a small table. Sent again it has the same id, so that mail programs show it once."""
    made = EmailMessage()
    made["Subject"] = " ".join(message.subject.split())
    made["From"], made["To"] = settings.sender, ", ".join(settings.recipients)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@{settings.sender.partition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(message.text())
    rows = "".join(
        f'<tr><th align="left" valign="top">{escape(label)}</th><td>{escape(said)}</td></tr>'
        for label, said in message.lines
    )
    link = f'<p><a href="{escape(message.link)}">{escape(message.link)}</a></p>' if message.link else ""
    made.add_alternative(
        f'<p><b>{escape(_headline(message))}</b></p><table cellpadding="3">{rows}</table>{link}', subtype="html"
    )
    return made


@contextmanager
def _over_in(seconds: float, server: smtplib.SMTP) -> Iterator[None]:
    """A deadline over a whole dialogue; smtplib has one for every line alone, and a server may send many."""
    over = threading.Event()

    def watch() -> None:
        waiting = over.wait(seconds)
        while not waiting:
            if server.sock is not None:
                with suppress(OSError):
                    server.sock.shutdown(socket.SHUT_RDWR)
            waiting = over.wait(0.1)

    watching = threading.Thread(target=watch, name="alerts: deadline", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
