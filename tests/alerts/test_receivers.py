"""What reaches whom, and in which form: over real servers on loopback that answer, refuse and hang."""

import email
import json
import ssl
import subprocess
import time
from datetime import UTC, datetime
from email import policy
from pathlib import Path
from typing import Any

import pytest

from cloudcollect_pipeline.alerts.message import Message
from cloudcollect_pipeline.alerts.ping import health_checks
from cloudcollect_pipeline.alerts.receivers import NotTold, Receiver, receivers
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.settings import AlertSettings
from tests.programs import program
from tests.receivers import NOBODY_LISTENS, mail_server, webhook

CLOCK = VirtualClock(datetime(2026, 11, 29, 3, 20, tzinfo=UTC))
MESSAGE = Message(
    "morning",
    "nordlys",
    "person",
    "Nordlys & Sønn AS, night of 2026-11-29: needs a person",
    (("Sent", "2 claims 1 250,00"), ("Findings", "1 new & 0 old"), ("", "1 × <odd> (CODE)")),
    "https://dagster.example/assets/nordlys/morning",
    {"difference": 0, "sent": {"transfer": {"count": 2, "sum": 125000}}},
)
SHORT = 0.5
"""Seconds: the deadline of those who hang."""


def receiver(kind: str, settings: dict[str, Any], deadline: float = 10.0) -> Receiver:
    (made,) = receivers(AlertSettings.model_validate({kind: {"finance": settings}}), CLOCK, deadline=deadline)
    return made


def test_a_webhook_gets_plain_json_with_numbers_in_ore():
    with webhook() as hook:
        receiver("webhook", {"url": hook.url}).tell("key-1", MESSAGE)
    ((path, body),) = hook.told
    assert path == "/hook?sig=a%2Fb"
    assert body == {
        "id": "key-1",
        "news": "morning",
        "company": "nordlys",
        "severity": "person",
        "subject": MESSAGE.subject,
        "text": "Sent      2 claims 1 250,00\nFindings  1 new & 0 old\n          1 × <odd> (CODE)\n"
        "\nhttps://dagster.example/assets/nordlys/morning",
        "link": MESSAGE.link,
        "data": {"difference": 0, "sent": {"transfer": {"count": 2, "sum": 125000}}},
    }


def test_slack_gets_blocks_with_its_three_signs_escaped():
    with webhook() as hook:
        receiver("slack", {"url": hook.url}).tell("key", MESSAGE)
    (body,) = hook.bodies
    assert body["text"] == "🟡 Nordlys &amp; Sønn AS, night of 2026-11-29: needs a person"
    header, section, context = body["blocks"]
    assert header["text"] == {"type": "plain_text", "text": f"🟡 {MESSAGE.subject}"}
    assert section["text"]["type"] == "mrkdwn"
    assert section["text"]["text"].splitlines() == [
        "*Sent*  2 claims 1 250,00",
        "*Findings*  1 new &amp; 0 old",
        "1 × &lt;odd&gt; (CODE)",
    ]
    assert context["elements"][0]["text"] == f"<{MESSAGE.link}>"


def test_slack_gets_no_more_than_its_blocks_hold():
    long = Message("failure", "", "off", "s" * 300, tuple(("label", "x" * 90) for _ in range(90)))
    with webhook() as hook:
        receiver("slack", {"url": hook.url}).tell("key", long)
    header, section = hook.bodies[0]["blocks"]
    assert len(header["text"]["text"]) == 150
    assert len(section["text"]["text"]) == 3000


def test_teams_gets_an_adaptive_card_as_its_workflow_takes_it():
    with webhook() as hook:
        receiver("teams", {"url": hook.url}).tell("key", MESSAGE)
    (body,) = hook.bodies
    assert body["type"] == "message"
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    title, facts = card["body"]
    assert (title["text"], title["color"], title["wrap"]) == (f"🟡 {MESSAGE.subject}", "Warning", True)
    assert facts["facts"][0] == {"title": "Sent", "value": "2 claims 1 250,00"}
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Dagster", "url": MESSAGE.link}]


def test_an_e_mail_is_text_and_a_small_table_and_the_same_one_twice_has_one_id():
    with mail_server() as mail:
        way = receiver("email", mail.settings())
        way.tell("key-1", MESSAGE)
        way.tell("key-1", MESSAGE)
        way.tell("key-2", MESSAGE)
    first, again, other = (email.message_from_string(text, policy=policy.default) for text in mail.delivered)
    assert first["Subject"] == MESSAGE.subject
    assert (first["From"], first["To"]) == ("night@example.no", "a@b.no, c@d.no")
    assert first["Date"].datetime == CLOCK.now()
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    text, html = (part.get_content() for part in first.iter_parts())
    assert "Sent      2 claims 1 250,00" in text
    assert '<th align="left" valign="top">Sent</th><td>2 claims 1 250,00</td>' in html
    assert "&lt;odd&gt;" in html
    assert "<odd>" not in html


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (Message("morning", "", "good", "", ()), "/ping/uuid?x=1"),
        (Message("morning", "", "person", "", ()), "/ping/uuid?x=1"),
        (Message("failure", "", "off", "", ()), "/ping/uuid/fail?x=1"),
        (Message("morning", "", "good", "", (), data={"test": True}), "/ping/uuid/log?x=1"),
    ],
)
def test_the_health_check_is_pinged_as_healthchecks_io_has_it(message, path):
    with webhook() as hook:
        url = hook.url.replace("/hook?sig=a%2Fb", "/ping/uuid/?x=1")
        (check,) = health_checks(AlertSettings.model_validate({"health_check_url": url}), CLOCK)
        check.tell("key", message)
    assert hook.told == [(path, None)]


@pytest.mark.parametrize(
    ("status", "why", "answers"),
    [
        (404, "it answered 404", True),
        (500, "it answered 500", True),
        (302, "it answered 302", True),
        (0, "no answer in time", False),
        (-1, "no answer in time", False),
    ],
)
def test_an_address_that_refuses_or_hangs_is_said_within_its_deadline_and_without_the_address(status, why, answers):
    with webhook() as hook:
        hook.status = status
        began = time.monotonic()
        with pytest.raises(NotTold, match=why) as caught:
            receiver("slack", {"url": hook.url}, SHORT).tell("key", MESSAGE)
        assert time.monotonic() - began < SHORT + 2
    assert caught.value.answers is answers
    assert "hook" not in str(caught.value)
    assert "sig" not in str(caught.value)


def test_an_address_where_nobody_listens_is_said_without_it():
    with pytest.raises(NotTold, match="could not be reached") as caught:
        receiver("webhook", {"url": NOBODY_LISTENS}, SHORT).tell("key", MESSAGE)
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"refuses": b"MAIL"}, "the mail server answered 550"),
        ({"refuses": b"DATA"}, "the mail server answered 550"),
        ({"refuses": b"RCPT"}, "refused every address"),
        ({"silent": b"EHLO"}, "could not be used"),
        ({"silent": b"MAIL"}, "could not be used"),
    ],
)
def test_a_mail_server_that_refuses_or_never_ends_is_said_within_the_deadline(fault, why):
    with mail_server() as mail:
        for name, verb in fault.items():
            setattr(mail, name, verb)
        began = time.monotonic()
        with pytest.raises(NotTold, match=why):
            receiver("email", mail.settings(), SHORT).tell("key", MESSAGE)
        assert time.monotonic() - began < SHORT + 2
    assert mail.delivered == []


@pytest.mark.parametrize("fault", ["refuses", "silent"])
def test_how_a_mail_server_that_took_the_message_says_goodbye_counts_for_nothing(fault):
    with mail_server() as mail:
        setattr(mail, fault, b"QUIT")
        receiver("email", mail.settings(), SHORT).tell("key", MESSAGE)
    assert len(mail.delivered) == 1


def test_a_mail_server_that_cannot_keep_a_secret_gets_no_message():
    with mail_server() as mail, pytest.raises(NotTold, match="could not be used"):
        receiver("email", mail.settings(encryption="starttls"), SHORT).tell("key", MESSAGE)
    assert mail.delivered == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Of a mail server on 127.0.0.1, and the file to trust it by."""
    openssl = program("openssl")
    folder = tmp_path_factory.mktemp("certificate")
    file, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file, key)
    return file, made


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_mail_server_is_trusted_by_its_certificate_before_it_gets_the_password(certificate, monkeypatch, encryption):
    file, made = certificate
    with mail_server() as mail:
        mail.certificate, mail.at_once = made, encryption == "tls"
        told = mail.settings(encryption=encryption, username="night", password="hunter2")
        with pytest.raises(NotTold, match="SSLCertVerificationError"):
            receiver("email", told, SHORT).tell("key", MESSAGE)
        assert (mail.delivered, mail.logins) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        receiver("email", told).tell("key", MESSAGE)
    assert (len(mail.delivered), mail.logins) == (1, ["\0night\0hunter2"])


@pytest.mark.parametrize(
    ("changes", "news", "company", "wanted"),
    [
        ({}, "morning", "nordlys", True),
        ({"wants": ["failure"]}, "morning", "nordlys", False),
        ({"wants": ["failure"]}, "failure", "nordlys", True),
        ({"companies": ["fjell"]}, "failure", "nordlys", False),
        ({"companies": ["fjell"]}, "failure", "fjell", True),
        ({"companies": ["fjell"]}, "failure", "", True),
    ],
)
def test_everybody_gets_what_they_want_of_the_companies_that_concern_them(changes, news, company, wanted):
    assert receiver("slack", {"url": "https://chat.example/x", **changes}).wants(news, company) is wanted


def test_a_message_survives_as_plain_values():
    assert Message.from_json(json.loads(json.dumps(MESSAGE.as_json()))) == MESSAGE
