"""Some weeks in which everything happens that a report must show, lived once; and their books, night by night."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from cloudcollect_pipeline.reporting.books import Books, read_books
from cloudcollect_pipeline.reporting.persons import names_of
from cloudcollect_pipeline.reporting.published import snapshot
from tests.story import Story

NAME = "Debtor Ærlig"


@dataclass(frozen=True)
class Weeks:
    """What was lived, and the books of each night by their date."""

    story: Story
    books: dict[date, Books]

    @property
    def last(self) -> Books:
        return self.books[max(self.books)]


def live(story: Story) -> None:
    """Money at both parties, reversed, stuck, paid out and not, a stranger, a write-off, a lost answer."""
    story.change_accounts(opening_balance="1000")
    first, second, third = story.receivable(600_000), story.receivable(800_000), story.receivable(450_050)
    story.erp.invoice(story.customer(), 120_000, story.world.today, story.world.today + timedelta(days=14))
    story.night()
    story.world.advance(story.world.now + timedelta(hours=12))
    story.agency.tick()
    entry = story.collect(first, 250_000)
    story.night()
    story.collect(second, 300_099)
    story.erp.pay(first, 100_000)
    story.night()
    story.agency.reverse(entry, 50_000)
    story.agency.settle(story.slug, story.world.today)
    stranger = story.erp.pay(second, 10_000, cash_account="1510")
    story.night()
    story.erp.void(stranger)
    story.erp.pay(third, 777, cash_account="1510")
    story.quiet(2)
    story.collect(second, 44_400)
    story.erp.fail_next_release("the period is being closed")
    story.agency.receive(story.claim(first), 5_500, on=story.world.today + timedelta(days=4))
    story.night()
    story.erp.write_off(first, 60_000)
    story.night()


def read_all(story: Story, nights: set[date] | None = None) -> dict[date, Books]:
    names = names_of(story.data / story.slug, "test", story.world.clock)
    with snapshot(story.settings, story.slug) as seen:
        known = [row[0] for row in seen.ledger.db.execute("select distinct night from mirror_version").fetchall()]
        return {
            night: read_books(seen.ledger, seen.journal, story.slug, seen.settings, night, names)
            for night in sorted(known)
            if nights is None or night in nights
        }


@pytest.fixture(scope="session")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    folder: Path = tmp_path_factory.mktemp("weeks")
    story = Story(folder)
    live(story)
    return Weeks(story, read_all(story))
