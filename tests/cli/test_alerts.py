"""`alerts test` and `alerts preview`, and what the doctor says of who is told."""

import json

import pytest

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.cli.doctor import alerts
from cloudcollect_pipeline.settings import Settings, load
from tests.cli.conftest import Command, Town
from tests.receivers import NOBODY_LISTENS, mail_server, webhook


def configure(town: Town, text: str) -> Settings:
    write_private(town.file, f"{text}\n{town.file.read_text()}")
    return load(town.file, {})


def test_everybody_is_told_that_nothing_is_wrong(town: Town, cloudcollect: Command) -> None:
    with webhook() as hook, mail_server() as mail:
        post = "\n".join(f"{key} = {json.dumps(value)}" for key, value in mail.settings().items())
        configure(
            town,
            f'[alerts]\nhealth_check_url = "{hook.url}"\n[alerts.slack.finance]\nurl = "{hook.url}"\n'
            f'wants = "failure"\n[alerts.email.it]\n{post}',
        )
        said = cloudcollect("alerts", "test")
    assert said.code == 0, said.out + said.err
    assert "3 of 3 were told" in said.out
    assert "Nothing is wrong" in mail.delivered[0]
    assert sorted(path for path, _ in hook.told) == ["/hook/log?sig=a%2Fb", "/hook?sig=a%2Fb"]


def test_who_cannot_be_told_is_named_with_why_and_code_1_but_without_the_address(
    town: Town, cloudcollect: Command
) -> None:
    with webhook() as hook:
        both = f'[alerts.teams.a]\nurl = "{NOBODY_LISTENS}"\n[alerts.webhook.b]\nurl = "{hook.url}"'
        configure(town, both)
        said = cloudcollect("alerts", "test", "--json")
        shown = cloudcollect("alerts", "test")
    assert (said.code, shown.code) == (1, 1)
    assert json.loads(said.out) == [
        {"receiver": "teams a", "told": False, "why": "it could not be reached, or takes no more for now"},
        {"receiver": "webhook b", "told": True, "why": ""},
    ]
    assert "1 of 2 were told" in shown.out
    assert "secret-path" not in said.out + said.err + shown.out + shown.err


def test_where_nobody_is_named_nobody_can_be_told(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("alerts", "test")
    assert said.code == 1
    assert "fill in [alerts] in cloudcollect.toml" in said.err


def test_the_morning_can_be_read_before_it_is_sent(approved: Town, cloudcollect: Command) -> None:
    said = cloudcollect("alerts", "preview")
    assert said.code == 0, said.err
    assert "1 claim 2 500,00" in said.out
    told = json.loads(cloudcollect("alerts", "preview", "--json").out)
    assert told["data"]["sent"]["transfer"] == {"count": 1, "sum": 250_000}
    assert "Sendt " in cloudcollect("alerts", "preview", "--lang", "nb").out
    assert cloudcollect("alerts", "preview", "--lang", "de").code == 2


def test_before_the_first_night_there_is_nothing_to_preview(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("alerts", "preview")
    assert said.code == 1
    assert "has not been run yet" in said.err


SLACK = '[alerts.slack.finance]\nurl = "https://chat.example/x"\n'


@pytest.mark.parametrize(
    ("text", "abroad", "state", "found"),
    [
        ("", False, "skipped", "counterparties are on this machine"),
        ("", True, "warning", "nobody is told of: morning, failure, approval, freshness"),
        (SLACK + 'wants = "morning, failure"', False, "warning", "nobody is told of: approval, freshness"),
        (SLACK + 'companies = "nordlys"', True, "ok", "slack finance; without alerts.health_check_url a dead machine"),
        ('[alerts]\nhealth_check_url = "https://hc.example/x"\n' + SLACK, True, "ok", "slack finance"),
    ],
)
def test_the_doctor_says_of_what_nobody_would_hear(town: Town, text: str, abroad: bool, state: str, found: str) -> None:
    settings = configure(town, text)
    if abroad:
        agency = settings.companies["nordlys"].agency.model_copy(update={"base_url": "https://agency.example"})
        company = settings.companies["nordlys"].model_copy(update={"agency": agency})
        settings = settings.model_copy(update={"companies": {"nordlys": company}})
    check = alerts(settings, "nordlys", None)
    assert check.state == state
    assert found in check.found
