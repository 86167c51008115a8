"""An upgrade before any night keeps all: the journal as the release before wrote it, and the same nights after."""

import sqlite3
from contextlib import closing

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.sandbox.agency.books import Entry
from tests.story import Story

NEW_COLUMNS = ("came_back", "gone_night", "ignored_until", "assigned_to", "who", "acted_at", "acted_night")


def downgrade(story):
    """The journal in the tables of version 1, as it stood before the upgrade."""
    with closing(sqlite3.connect(story.data / story.slug / "journal.sqlite")) as db:
        db.execute("drop index event_by_subject")
        for column in NEW_COLUMNS:
            db.execute(f"alter table finding drop column {column}")
        db.execute("update meta set value = '1' where name = 'schema_version'")
        db.commit()
        assert schema.shape(db) == schema.expected_shape(schema.scripts()[:1])


def lived(tmp_path, upgraded):
    """A story of seven nights; what is in the journal, in the books and found at its end."""
    story = Story(tmp_path)
    first, second = story.receivable(6000), story.receivable(4000)
    collected: list[Entry] = []
    for night in range(1, 8):
        match night:
            case 3:
                story.erp.pay(second, 1500)
                collected.append(story.collect(first, 2500))
            case 4:
                story.agency.book_direct(story.claim(second), 700)
            case 5:
                story.agency.reverse(collected[0])
            case 6:
                story.erp.pay(first, 1000)
                story.decide("CREDITOR_ENTRY_UNKNOWN", "ignore")
        if night == upgraded:
            downgrade(story)
        story.night()
    found = story.findings()
    effects = story.with_journal(
        lambda journal: [(row.reference, row.kind, row.state, row.content.amount) for row in journal.effects()]
    )
    migrated = story.with_journal(lambda journal: sum(event["kind"] == "migrated" for event in journal.events()))
    assert story.with_journal(lambda journal: journal.verify()) is None
    return (
        effects,
        found,
        [(document.balance, story.open_at_agency(document)) for document in (first, second)],
        story.erp.balance("1510"),
    ), migrated


def test_an_upgrade_before_any_night_changes_nothing_that_is_sent_found_or_owed(tmp_path):
    without, none = lived(tmp_path / "without", 0)
    assert none == 0
    assert {kind for _, kind, _, _ in without[0]} >= {"transfer", "reduction", "posting", "void"}
    for night in range(2, 8):
        assert lived(tmp_path / str(night), night) == (without, 1), night
