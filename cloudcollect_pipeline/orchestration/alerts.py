"""Alerts: a short message by webhook and e-mail, to whoever `[alerts]` names. Names of jobs and checks only."""

import json
import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import parse_qsl, urlsplit

from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.settings import AlertSettings, EmailSettings
from cloudcollect_pipeline.web import SystemClock, Web

TIMEOUT = 20.0
"""Seconds a receiver may take."""


def wanted(settings: AlertSettings) -> bool:
    """Whether anybody is to be told."""
    return settings.webhook_url is not None or settings.email is not None


def send(settings: AlertSettings, subject: str, text: str) -> str:
    """Tell everyone; one receiver that cannot be reached does not keep the others from being told. Says who was."""
    told: list[str] = []
    if settings.webhook_url is not None:
        told.append(_webhook(settings.webhook_url.get_secret_value(), subject, text))
    if settings.email is not None:
        told.append(_email(settings.email, subject, text))
    return "; ".join(told)


def _webhook(url: str, subject: str, text: str) -> str:
    parts = urlsplit(url)
    body = json.dumps({"text": f"{subject}\n{text}", "subject": subject, "details": text}).encode()
    try:
        with Web(f"{parts.scheme}://{parts.netloc}", clock=SystemClock(), timeout=TIMEOUT, deadline=TIMEOUT) as web:
            web.write("POST", parts.path or "/", body, params=parse_qsl(parts.query, keep_blank_values=True))
    except CounterpartyError as error:
        return f"the webhook could not be told: {type(error).__name__}"
    return "the webhook was told"


def _email(settings: EmailSettings, subject: str, text: str) -> str:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, settings.sender, ", ".join(settings.recipients)
    message.set_content(text)
    trusted = ssl.create_default_context()
    try:
        with (
            smtplib.SMTP_SSL(settings.host, settings.port, timeout=TIMEOUT, context=trusted)
            if settings.encryption == "tls"
            else smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT)
        ) as server:
            if settings.encryption == "starttls":
                server.starttls(context=trusted)
            if settings.username and settings.password:
                server.login(settings.username, settings.password.get_secret_value())
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        return f"e-mail could not be sent: {type(error).__name__}"
    return f"{len(settings.recipients)} told by e-mail"
