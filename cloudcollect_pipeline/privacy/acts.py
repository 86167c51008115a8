"""The two acts: erase one debtor, and remove what has been kept long enough. Each is journalled and leaves a report.

The caller names who acts and why; the journal keeps that, customer numbers and counts, and nothing else.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.privacy import files
from cloudcollect_pipeline.privacy.grounds import (
    Ground,
    Subject,
    books,
    grounds_of,
    has_run,
    questions_over,
    settled_before,
    subject_of,
)
from cloudcollect_pipeline.reporting.files import REPORTS, replacing
from cloudcollect_pipeline.settings import Settings


class UnknownCustomer(ValueError):
    """Nothing was ever mirrored of a customer of that number."""


class NoteNames(ValueError):
    """The note itself names the person; it would stay in the journal for good."""


class StillNeeded(Exception):
    """The data may not be erased yet; says why and what to do. Nothing was changed."""

    def __init__(self, customer: str, grounds: Mapping[str, Sequence[Ground]]) -> None:
        told = [f"{slug}: {ground.text}" for slug, found in grounds.items() for ground in found]
        super().__init__("\n".join(f"customer {customer} is not erased: {line}" for line in told))
        self.customer, self.grounds = customer, grounds


@dataclass(frozen=True)
class Removed:
    """What an act took away, in counts."""

    persons: int = 0
    questions: int = 0
    spools: int = 0
    records: int = 0
    reports: int = 0
    leftovers: int = 0

    def __bool__(self) -> bool:
        return any(asdict(self).values())


@dataclass(frozen=True)
class Act:
    """One act on one company, as the journal and the report file have it."""

    company: str
    act: str
    customer: str | None
    at: datetime
    who: str
    note: str
    removed: Removed
    still_named_in: tuple[str, ...] = ()
    """Files of the company that name the person even so: words a person wrote into the journal."""
    report: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "at": self.at.isoformat(), "report": str(self.report) if self.report else None}


def erase(
    settings: Settings,
    slug: str,
    customer: str,
    *,
    who: str,
    note: str,
    clock: Clock,
    patience: float = 5.0,
    beside: Sequence[Path] = (),
) -> list[Act]:
    """Erase a customer's personal data at a company and, where it has several agencies, in all of its books.

    `beside` are further folders to look through afterwards. Raises `UnknownCustomer`, `NoteNames`, `StillNeeded` and
    `CompanyBusy`; then nothing was changed.
    """
    with _held(settings, slug, who, clock, patience) as slugs:
        subjects, grounds = {}, {}
        for each in slugs:
            with books(settings.data_dir / each, each, settings.companies[each], clock.now()) as (ledger, _):
                subject = subject_of(ledger, customer)
                if subject is not None:
                    subjects[each] = subject
                    grounds[each] = grounds_of(ledger, subject)
        if not subjects:
            raise UnknownCustomer(f"no customer {customer} was ever mirrored")
        if any(subject.named_in(note) for subject in subjects.values()):
            raise NoteNames("the note names the person, and what stands in the journal stays; say it without the name")
        if any(grounds.values()):
            raise StillNeeded(customer, grounds)
        return [
            _erase(settings, each, subject, who=who, note=note, at=clock.now(), beside=beside)
            for each, subject in subjects.items()
        ]


def _erase(
    settings: Settings, slug: str, subject: Subject, *, who: str, note: str, at: datetime, beside: Sequence[Path]
) -> Act:
    folder = settings.data_dir / slug
    rewritten = [gone for spool in files.spools(folder) if (gone := files.take_out(spool, subject))]
    naming = [report for report in files.reports(folder) if files.names(report, subject)]
    for report in naming:
        report.unlink()
    leftovers = files.remove_leftovers(folder, at)
    # Persons last: until here they say by which words the rest is found, should this be cut short and done again.
    counts = files.rewrite_persons(folder, [subject.customer], subject.claims)
    removed = Removed(**counts, spools=len(rewritten), records=sum(rewritten), reports=len(naming), leftovers=leftovers)
    still = files.still_naming([folder, *beside], subject)
    act = Act(slug, "erased", subject.customer, at, who, note, removed, tuple(str(path) for path in still))
    return _kept_on_record(settings, act)


def retain(
    settings: Settings, slug: str, *, who: str, note: str, clock: Clock, patience: float = 600.0, dry: bool = False
) -> Act:
    """Remove what is older than `[privacy]` says; with `dry` only say what that would be. Raises `CompanyBusy`."""
    folder, keep = settings.data_dir / slug, settings.privacy
    with company_lock(folder, who, clock, patience=patience):
        at = clock.now()
        today = night_of(at)
        with books(folder, slug, settings.companies[slug], at) as (ledger, _):
            settled = settled_before(ledger, today - timedelta(days=keep.person_days))
            over = questions_over(ledger)
        old_spools = [s for s in files.spools(folder) if files.night_named(s) < today - timedelta(days=keep.spool_days)]
        old_reports = [
            r for r in files.reports(folder) if files.night_named(r) < today - timedelta(days=keep.report_days)
        ]
        removed = Removed(persons=len(settled), questions=len(over), spools=len(old_spools), reports=len(old_reports))
        act = Act(slug, "retained", None, at, who, note, removed)
        if dry:
            return act
        for spool in old_spools:
            files.drop_spool(spool)
        for report in old_reports:
            report.unlink()
        leftovers = files.remove_leftovers(folder, at)
        # Even without anybody due: what the nights deleted or changed has left its bytes behind.
        counts = files.rewrite_persons(folder, settled, over)
        return _kept_on_record(settings, replace(act, removed=replace(removed, leftovers=leftovers, **counts)))


@contextmanager
def _held(settings: Settings, slug: str, who: str, clock: Clock, patience: float) -> Iterator[list[str]]:
    """The locks of a company and of the same creditor's other books, in one order, and their names: those that ran."""
    slugs = sorted(each for each in (slug, *settings.siblings(slug)) if has_run(settings.data_dir / each))
    with ExitStack() as locks:
        for each in slugs:
            locks.enter_context(company_lock(settings.data_dir / each, who, clock, patience=patience))
        yield slugs


def _kept_on_record(settings: Settings, act: Act) -> Act:
    """Write the act into the journal and to a report file, and let readers see the journal at once."""
    folder, company = settings.data_dir / act.company, settings.companies[act.company]
    about = re.sub(r"\W", "-", f"-{act.customer}") if act.customer else ""
    path = folder / REPORTS / f"privacy-{act.at:%Y%m%dT%H%M%S}-{act.act}{about}.json"
    act = replace(act, report=path)
    with replacing(path) as partial:
        partial.write_text(json.dumps(act.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    journal = Journal(folder, act.company, company.erp.tenant_id, act.at)
    try:
        subject = f"customer {act.customer}" if act.customer else "company"
        journal.note(f"privacy_{act.act}", subject, {"who": act.who, "note": act.note, **asdict(act.removed)}, act.at)
        if (folder / "published").is_dir():
            journal.backup(folder / "published" / "journal.sqlite")
    finally:
        journal.close()
    return act
