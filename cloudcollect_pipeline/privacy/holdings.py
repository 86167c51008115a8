"""What personal data a company keeps at this moment, how long it may, and what has been done about it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.privacy import files
from cloudcollect_pipeline.privacy.grounds import books, has_run, questions_over, settled_before
from cloudcollect_pipeline.settings import Settings

ACTS = ("privacy_erased", "privacy_retained")


@dataclass(frozen=True)
class Holding:
    """One place: how much lies there, since when, how many days it may when nothing needs it, how much is over that."""

    place: str
    number: int
    oldest: date | None
    days: int
    due: int


@dataclass(frozen=True)
class Holdings:
    """A company's places, and the acts of its journal, the newest first."""

    company: str
    places: tuple[Holding, ...]
    acts: tuple[dict[str, Any], ...]


def holdings(settings: Settings, slug: str, *, who: str, clock: Clock, patience: float = 5.0) -> Holdings:
    """Look at a company's folder under its lock; a company that never ran has none and gets none. Raises `CompanyBusy`.

    Personal data is only counted. The books are opened as a night opens them, which may move a file to this version's
    shape, copies the journal's effects into the ledger, and notes in the journal what speaks against trusting it.
    """
    folder, keep = settings.data_dir / slug, settings.privacy
    if not has_run(folder):
        return Holdings(slug, (), ())
    with company_lock(folder, who, clock, patience=patience):
        at = clock.now()
        today = night_of(at)
        with books(folder, slug, settings.companies[slug], at) as (ledger, journal):
            persons = int(ledger.value("select count(*) from persons.person"))
            over = len(settled_before(ledger, today - timedelta(days=keep.person_days)))
            asked = int(ledger.value("select count(*) from persons.question"))
            unasked = len(questions_over(ledger))
            acts = [event for event in journal.events() if event["kind"] in ACTS]
        places = [
            Holding("persons", persons, None, keep.person_days, over),
            Holding("questions", asked, None, 0, unasked),
        ]
        for place, found, days in (
            ("spools", files.spools(folder), keep.spool_days),
            ("reports", files.reports(folder), keep.report_days),
        ):
            nights = [files.night_named(path) for path in found]
            due = sum(1 for night in nights if night < today - timedelta(days=days))
            places.append(Holding(place, len(found), min(nights, default=None), days, due))
    told = tuple(
        {"at": event["at"], "act": event["kind"].removeprefix("privacy_"), "about": event["subject"], **event["data"]}
        for event in reversed(acts)
    )
    return Holdings(slug, tuple(places), told)
