"""The journal: a durable, append-only, hash-chained log of effects and of what people decided. SQLite, one per company.

The log is the truth; the tables beside it are what it adds up to and change in the same transaction. Every commit is
synced to disk before it returns, which is what lets an intent stand before the request it announces.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.dispatch.replay import ACTS, effect_after, finding_after
from cloudcollect_pipeline.dispatch.verify import REBUILD, UNREADABLE, head_problem, one_line, problems, read_head, seal
from cloudcollect_pipeline.domain.effect import Content, Effect, Kind

_USED_UP = files("cloudcollect_pipeline.dispatch.sql").joinpath("used_up.sql").read_text()
SETTLE = timedelta(hours=12)
"""How long after its intent a look-up says something about a write; also the pause between writes of a reference."""
SET_BACK = timedelta(days=1)
"""How much earlier than the newest night a clock may be: time zones and corrections are less."""
COPIES = ("published/journal.sqlite", "journal.backup.sqlite")
"""Copies beside it, whole, made after each night and each dispatch: beginnings of the same chain."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)

BLOCKING = frozenset({"intent", "uncertain", "created", "quarantined"})
"""States in which nobody may build on the effect yet."""
FROZEN = frozenset({"created", "confirmed", "quarantined", "intent", "uncertain"})
"""States in which a reference may not carry new content."""


class JournalError(Exception):
    """The journal cannot be trusted or used; says why and how to go on. Nothing was sent."""


@dataclass(frozen=True)
class EffectRow:
    """An effect as the journal knows it. Amounts in øre, times UTC."""

    reference: str
    kind: Kind
    source: str
    ordinal: int
    chain: str
    lane: str
    state: str
    content: Content
    details: Mapping[str, Any]
    remote_id: str | None
    intents: int
    intent_at: datetime | None
    misses: int
    missed_night: date | None
    note: str
    night: date
    seq: int


class Journal:
    """Open one with `Journal(folder, company, tenant, at)`; the caller holds the company lock before writing.

    A new one is not made beside copies of an older one, which would be written over, unless `beside_copies` says so.
    """

    def __init__(
        self,
        folder: Path,
        company: str,
        tenant: str,
        at: datetime,
        *,
        read_only: bool = False,
        beside_copies: bool = False,
    ) -> None:
        self.path = folder / "journal.sqlite"
        self._head_path = folder / "journal.head"
        self._lock = threading.RLock()
        self._depth = 0
        self._newest: tuple[int, str] | None = None
        """Number and seal of the newest entry of the transaction under way."""
        self._head: int | None = None
        if read_only:
            kept = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, check_same_thread=False)
            self.db = schema.as_newest(kept)
            self.db.row_factory = sqlite3.Row
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = next((path for path in (folder / name for name in COPIES) if path.exists()), None)
        if copy and not self.path.exists() and not beside_copies:
            raise JournalError(
                f"{self.path} is missing, and {copy} is a copy of it. Nothing was sent; `cloudcollect journal rebuild` "
                "begins again from the newest whole copy."
            )
        try:
            self.db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from None
        try:
            self.path.chmod(0o600)
            self.db.row_factory = sqlite3.Row
            self.db.execute("pragma journal_mode=wal")
            self.db.execute("pragma synchronous=full")
            self.db.execute("pragma foreign_keys=on")
            self._head = os.open(self._head_path, os.O_RDWR | os.O_CREAT, 0o600)
            self._check(company, tenant, at)
        except UNREADABLE as error:
            self.close()
            raise self._unusable(error) from None
        except BaseException:
            self.close()
            raise

    def _check(self, company: str, tenant: str, at: datetime) -> None:
        found = schema.version(self.db)
        if found == schema.EMPTY:
            with self._transaction():
                schema.migrate(self.db, schema.scripts())
                self._set("company", company)
                self._set("tenant", tenant)
        broken = next(problems(self.db, company, tenant), None)
        if broken:
            raise JournalError(f"{self.path}: {broken.text}. Nothing was sent; {broken.mend}.")
        # A header can be damaged so that SQLite reads the file and refuses the first write.
        self.db.execute("update meta set value = value where false")
        if 0 < found < len(schema.MIGRATIONS):
            with self._transaction():
                schema.migrate(self.db, schema.scripts())
                self._append(at, "migrated", "journal", {"from": found, "to": len(schema.MIGRATIONS)})
        head = read_head(self._kept_head())
        if (self.seq() or head[0]) and head_problem(self.db, head):
            self.distrust(at, head[0])
        elif not self.seq():
            with self._transaction():
                self._set("quiet_from", "")
                self._append(at, "opened", "journal", {"company": company})
        elif head[0] < self.seq():
            # A process died between its commit and the head. Nobody else can commit here: no later head is overwritten.
            with self._transaction():
                newest = self.seq()
                self._keep_head(_as_head(newest, self.seal_of(newest)))

    def distrust(self, at: datetime, newest: int) -> None:
        """Another copy than the one that was written last, up to entry `newest`: quiet until both sides were asked."""
        with self._transaction():
            self._set("quiet_from", "")
            self._append(at, "restored", "journal", {"head": newest, "have": self.seq()})

    def _unusable(self, error: Exception) -> JournalError:
        """What SQLite met, as one line that says how to go on."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code == sqlite3.SQLITE_READONLY and os.access(self.path, os.W_OK):
            code = sqlite3.SQLITE_CORRUPT
        mend = {
            sqlite3.SQLITE_FULL: "free some space on its disk and run again",
            sqlite3.SQLITE_IOERR: "look whether its disk is full or broken, and run again",
            sqlite3.SQLITE_READONLY: "let this user write it and its folder, and run again",
            sqlite3.SQLITE_CANTOPEN: "let this user write it and its folder, and run again",
            sqlite3.SQLITE_BUSY: "another process has it open; run again when that has ended",
        }.get(code, REBUILD)
        return JournalError(
            f"{self.path} cannot be used as a journal ({one_line(error)}). Nothing more was sent; {mend}."
        )

    # -- the log -------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            if self._depth:
                yield
                return
            self._newest = None
            try:
                self.db.execute("begin immediate")
                self._depth = 1
                yield
                self.db.execute("commit")
            except BaseException as error:
                # SQLite itself may have rolled back, as it does when the disk is full.
                if self.db.in_transaction:
                    self.db.execute("rollback")
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
                    raise self._unusable(error) from None
                raise
            finally:
                self._depth = 0
            self._write_head()

    def _append(self, at: datetime, kind: str, subject: str, data: Mapping[str, Any]) -> int:
        return self._appended(at, kind, subject, data)[0]

    def _appended(self, at: datetime, kind: str, subject: str, data: Mapping[str, Any]) -> tuple[int, str]:
        """Append an entry; returns its number and its data as they stand in the log."""
        last = self.db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
        seq, before = (last["seq"] + 1, last["hash"]) if last else (1, "")
        text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
        digest = seal(before, seq, at.isoformat(), kind, subject, text)
        self.db.execute(
            "insert into event values (?, ?, ?, ?, ?, ?)", (seq, at.isoformat(), kind, subject, text, digest)
        )
        self._newest = seq, digest
        return seq, text

    def note(self, kind: str, subject: str, data: Mapping[str, Any], at: datetime) -> None:
        """Put an act on record that changes nothing the journal adds up to."""
        with self._transaction():
            self._append(at, kind, subject, data)

    def verify(self) -> str | None:
        """None when the journal is whole, else what is wrong."""
        meta = self.meta()
        return next((problem.text for problem in problems(self.db, meta["company"], meta["tenant"])), None)

    def seq(self) -> int:
        """Number of the newest entry, 0 when empty."""
        return int(self.db.execute("select coalesce(max(seq), 0) from event").fetchone()[0])

    def seal_of(self, seq: int) -> str:
        """The seal of one entry; empty for none."""
        row = self.db.execute("select hash from event where seq = ?", (seq,)).fetchone()
        return str(row["hash"]) if row else ""

    def events(self, *subjects: str) -> list[dict[str, Any]]:
        """Log entries in order, of these subjects or all."""
        some = "where subject in (select value from json_each(?)) " if subjects else ""
        rows = self.db.execute(f"select * from event {some}order by seq", (json.dumps(subjects),) if subjects else ())
        return [dict(row) | {"data": json.loads(row["data"])} for row in rows]

    def rows(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries, for reports that read the log by their own SQL."""
        return [dict(row) for row in self.db.execute(query, parameters)]

    def _write_head(self) -> None:
        if self._newest:
            seq, digest = self._newest
            self._newest = None
            self._keep_head(_as_head(seq, digest))

    def _kept_head(self) -> bytes:
        return b"" if self._head is None else os.pread(self._head, 200, 0)

    def _keep_head(self, text: bytes) -> None:
        if self._head is not None:
            os.pwrite(self._head, text, 0)

    def meta(self) -> dict[str, str]:
        """Facts about the journal itself."""
        return {row["name"]: row["value"] for row in self.db.execute("select name, value from meta")}

    def _get(self, name: str) -> str | None:
        row = self.db.execute("select value from meta where name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def _set(self, name: str, value: str) -> None:
        self.db.execute("insert or replace into meta values (?, ?)", (name, value))

    def check_clock(self, now: datetime) -> None:
        """Refuse a clock that was set back: twelve hours after an intent would come too late, or never."""
        row = self.db.execute(
            "select at from event where kind in ('night_started', 'clock_accepted') order by seq desc limit 1"
        ).fetchone()
        if row and now < datetime.fromisoformat(row["at"]) - SET_BACK:
            raise JournalError(
                f"the clock says {now.isoformat()}, but the newest night in {self.path} began at {row['at']}. "
                "Nothing was sent; set the clock right and run again. If it is right now and was wrong then: "
                "`cloudcollect journal accept-clock`."
            )

    def accept_clock(self, at: datetime, who: str) -> None:
        """A person says that the clock is right now, though a night was written under a later one."""
        with self._transaction():
            self._append(at, "clock_accepted", "journal", {"who": who})
            if not self.trusts_itself():
                self.distrust(at, self.seq())  # its quiet time was counted by the wrong clock

    # -- quiet time of a new or restored journal -----------------------------------------------------------------

    def declare_new(self, at: datetime, who: str) -> None:
        """The company was never run before: nothing can be out there that this journal does not know."""
        with self._transaction():
            self.db.execute("delete from meta where name = 'quiet_from'")
            self._set("declared_new", at.isoformat())
            self._append(at, "declared_new", "journal", {"who": who})

    def set_up(self) -> str:
        """Which set-up in the ERP was found right before something was sent; empty for none."""
        return self._get("set_up") or ""

    def found_set_up(self, set_up: str, at: datetime) -> None:
        """The ERP is set up as the settings say; that is not asked again while the settings stay."""
        with self._transaction():
            self._set("set_up", set_up)
            self._append(at, "set_up_verified", "journal", {"set_up": set_up})

    def agency(self) -> str:
        """The agency that something was sent to last; empty before anything was, or where it was not written down."""
        return self._get("agency") or ""

    def met_agency(self, agency: str, at: datetime) -> None:
        """Something is about to be sent to this agency."""
        with self._transaction():
            self._set("agency", agency)
            self._append(at, "agency_met", "journal", {"agency": agency})

    def landed(self, at: datetime) -> None:
        """Both sides have been asked once, whole: that starts the quiet time of a new or restored journal.

        They are asked a second time after it: what a list that lagged hid from the first look, it shows by then.
        """
        if self._get("quiet_from") == "":
            with self._transaction():
                self._set("quiet_from", at.isoformat())
                self._append(at, "quiet", "journal", {})

    def quiet_until(self) -> datetime | None:
        """Until when nothing may be written (UTC), or None. Before both sides were asked: for ever."""
        started = self._get("quiet_from")
        if started is None:
            return None
        return datetime.fromisoformat(started) + SETTLE if started else FOR_EVER

    def forgot(self) -> int | None:
        """Up to which entry something of ours may be missing; None: nothing was ever lost.

        The number of the newest restore; 0 where it was made anew for a company that had been run before.
        """
        (restored,) = self.db.execute("select max(seq) from event where kind = 'restored'").fetchone()
        if restored is not None:
            return int(restored)
        return 0 if self._get("declared_new") is None else None

    def restored_unseen(self) -> bool:
        """Whether an older copy was laid back and nobody has approved a plan since: what people said may be lost."""
        query = "select max(seq) from event where kind = ?"
        restored, approved = (self.db.execute(query, (kind,)).fetchone()[0] for kind in ("restored", "plan_approved"))
        return restored is not None and (approved is None or approved < restored)

    def trusts_itself(self) -> bool:
        """Whether look-ups may start at the earliest planned date instead of go-live."""
        return self._get("quiet_from") is None

    def read_from(self, read_to: datetime | None) -> datetime | None:
        """From when a feed is to be read that was read up to a moment; None: whole.

        A new or restored journal asks both counterparties what they hold. A mirror cannot answer for them: what it once
        missed, the entries that this journal lacks may have told.
        """
        if read_to is None or self.trusts_itself():
            return read_to
        row = self.db.execute(
            "select at from event where kind in ('opened', 'restored') order by seq desc limit 1"
        ).fetchone()
        return None if row and read_to < datetime.fromisoformat(row["at"]) else read_to

    def end_quiet(self, at: datetime) -> None:
        """Both counterparties have been asked what they hold, and the time has passed."""
        with self._transaction():
            self.db.execute("delete from meta where name = 'quiet_from'")
            self._append(at, "quiet_ended", "journal", {})

    # -- effects -------------------------------------------------------------------------------------------------

    def effect(self, reference: str) -> EffectRow | None:
        """The effect with this reference, if the journal knows it."""
        row = self.db.execute("select * from effect where reference = ?", (reference,)).fetchone()
        return _row(row) if row else None

    def effects(
        self,
        *,
        states: Iterable[str] = (),
        kind: Kind | None = None,
        source: str | None = None,
        night: date | None = None,
    ) -> list[EffectRow]:
        """Effects in order of reference, narrowed by what is given."""
        wanted = sorted(states)
        where = ["1 = 1"]
        values: list[str] = []
        if wanted:
            where.append(f"state in ({', '.join('?' * len(wanted))})")
            values += wanted
        if kind:
            where.append("kind = ?")
            values.append(kind)
        if source is not None:
            where.append("source = ?")
            values.append(source)
        if night is not None:
            where.append("night = ?")
            values.append(night.isoformat())
        query = f"select * from effect where {' and '.join(where)} order by reference"
        return [_row(row) for row in self.db.execute(query, values)]

    def effects_since(self, seq: int) -> Iterator[dict[str, Any]]:
        """Effects changed after an entry, as plain rows for the ledger's copy."""
        return (
            {
                "reference": row.reference,
                "kind": row.kind.value,
                "source": row.source,
                "ordinal": row.ordinal,
                "chain": row.chain,
                "state": row.state,
                "party": row.content.party,
                "document": row.content.document,
                "account": row.content.account,
                "currency": row.content.currency,
                "amount": row.content.amount,
                "remote_id": row.remote_id,
                "details": dict(row.details),
                "night": row.night,
                "seq": row.seq,
            }
            for row in map(_row, self.db.execute("select * from effect where seq > ? order by seq, reference", (seq,)))
        )

    def record(
        self,
        effect: Effect,
        state: str,
        at: datetime,
        night: date,
        *,
        remote_id: str | None = None,
        note: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Move an effect to a state with tonight's content; durable when it returns. `intent` announces a write."""
        before = self.db.execute("select * from effect where reference = ?", (effect.reference,)).fetchone()
        known = _row(before) if before else None
        if details is None:
            standing = known if state in ("confirmed", "created", "quarantined", "uncertain") else None
            details = standing.details if standing else effect.details
        told = dict(details)
        content = (
            known.content if known and state in ("confirmed", "created") and known.state in FROZEN else effect.content
        )
        with self._transaction():
            used = self._use_up(effect) if state == "intent" else None
            seq, text = self._appended(
                at,
                state,
                effect.reference,
                {
                    "kind": effect.kind,
                    "source": effect.source,
                    "ordinal": effect.ordinal,
                    "content": vars(content),
                    "night": night,
                    "remote_id": remote_id,
                    "note": note,
                    "details": told,
                    **({} if used is None else {"used": used}),
                },
            )
            entry = {"seq": seq, "at": at.isoformat(), "kind": state, "subject": effect.reference}
            row = {
                **effect_after(before, entry | {"data": json.loads(text)}),
                "chain": effect.chain,
                "lane": effect.lane,
            }
            if known:
                changes = ", ".join(f"{name} = :{name}" for name in row if name != "reference")
                self.db.execute(f"update effect set {changes} where reference = :reference", row)
            else:
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                self.db.execute(f"insert into effect ({names}) values ({values})", row)

    def _use_up(self, effect: Effect) -> list[tuple[str, str]]:
        """Take away the answers that allowed this one try; returns them as (code, subject)."""
        about = {"reference": effect.reference, "kind": effect.kind, "document": effect.content.document}
        used = [(r["code"], r["subject"]) for r in self.db.execute(_USED_UP, about)]
        self.db.executemany("delete from decision where code = ? and subject = ?", used)
        return used

    def move(
        self, reference: str, state: str, at: datetime, night: date, *, remote_id: str | None = None, note: str = ""
    ) -> None:
        """Move a known effect to a state, content unchanged."""
        known = self.effect(reference)
        if known is None:
            raise JournalError(f"no effect {reference} in the journal")
        self.record(as_effect(known), state, at, night, remote_id=remote_id, note=note, details=known.details)

    def missed(self, reference: str, at: datetime, night: date) -> int:
        """Count a look-up that did not find an uncertain effect; returns the count.

        At most one per night, and each twelve hours after the one before: a run that is started again after midnight
        meets the same lists as before it.
        """
        known = self.effect(reference)
        if known is None or known.missed_night == night or (known.misses and at - self._missed_at(reference) < SETTLE):
            return known.misses if known else 0
        with self._transaction():
            seq = self._append(at, "missed", reference, {"night": night, "misses": known.misses + 1})
            self.db.execute(
                "update effect set misses = misses + 1, missed_night = ?, seq = ? where reference = ?",
                (night.isoformat(), seq, reference),
            )
        return known.misses + 1

    def _missed_at(self, reference: str) -> datetime:
        query = "select at from event where kind = 'missed' and subject = ? order by seq desc limit 1"
        return datetime.fromisoformat(self.db.execute(query, (reference,)).fetchone()[0])

    # -- plans ---------------------------------------------------------------------------------------------------

    def store_plan(
        self,
        digest: str,
        night: date,
        at: datetime,
        version: int,
        verdict: str,
        totals: Mapping[str, Any],
        effects: Iterable[str],
        makes_up_for: Sequence[date] = (),
    ) -> None:
        """Keep a plan and the missed nights it makes up for; earlier ones that were not dispatched are superseded."""
        with self._transaction():
            self.db.execute(
                "update plan set state = 'superseded' where state in ('stored', 'approved') and hash <> ?", (digest,)
            )
            told = {"night": night, "version": version, "verdict": verdict, "totals": totals}
            missed = {"makes_up_for": sorted(makes_up_for)} if makes_up_for else {}
            seq = self._append(at, "planned", digest, told | missed)
            known = self.db.execute("select state from plan where hash = ?", (digest,)).fetchone()
            if known is None:
                self.db.execute(
                    "insert into plan values (?, ?, ?, ?, ?, 'stored', ?, ?)",
                    (
                        digest,
                        night.isoformat(),
                        at.isoformat(),
                        version,
                        verdict,
                        json.dumps(totals, sort_keys=True),
                        seq,
                    ),
                )
                self.db.executemany(
                    "insert into planned_effect values (?, ?, ?)",
                    ((digest, position, body) for position, body in enumerate(effects)),
                )
            elif known["state"] != "dispatched":
                self.db.execute(
                    "update plan set state = 'stored', made_at = ?, verdict = ?, seq = ? where hash = ?",
                    (at.isoformat(), verdict, seq, digest),
                )

    def plan(self, digest: str) -> dict[str, Any] | None:
        """A stored plan without its effects."""
        row = self.db.execute("select * from plan where hash = ?", (digest,)).fetchone()
        return dict(row) | {"totals": json.loads(row["totals"])} if row else None

    def plans(self, limit: int = 50) -> list[dict[str, Any]]:
        """The newest plans first."""
        rows = self.db.execute("select * from plan order by seq desc limit ?", (limit,))
        return [dict(row) | {"totals": json.loads(row["totals"])} for row in rows]

    def planned(self, digest: str) -> Iterator[str]:
        """The effects of a plan, in order, as JSON."""
        try:
            for row in self.db.execute("select body from planned_effect where hash = ? order by position", (digest,)):
                yield row["body"]
        except sqlite3.OperationalError as error:
            # Bodies are the one thing not read when a journal is opened: there may be a million of them.
            told = f"{self.path}: plan {digest[:12]} cannot be read any more ({one_line(error)})"
            raise JournalError(f"{told}. Nothing of it was sent; the next run makes a new one.") from None

    def planned_at(self, digest: str, positions: Iterable[int]) -> list[str]:
        """The effects of a stored plan at these places, in order."""
        return [
            row["body"]
            for row in self.db.execute(
                "select body from planned_effect "
                "where hash = ? and position in (select value from json_each(?)) order by position",
                (digest, json.dumps(list(positions))),
            )
        ]

    def mark_plan(self, digest: str, state: str, at: datetime, who: str) -> None:
        """Approve a plan or note that it has been dispatched."""
        with self._transaction():
            self._append(at, f"plan_{state}", digest, {"who": who})
            self.db.execute("update plan set state = ? where hash = ?", (state, digest))

    # -- people --------------------------------------------------------------------------------------------------

    def decide(self, code: str, subject: str, action: str, note: str, who: str, at: datetime) -> None:
        """Remember what a person answered to a finding."""
        with self._transaction():
            self._append(at, "decided", f"{code} {subject}", {"action": action, "note": note, "who": who})
            self.db.execute(
                "insert or replace into decision values (?, ?, ?, ?, ?, ?)",
                (code, subject, action, note, who, at.isoformat()),
            )

    def decisions(self) -> dict[tuple[str, str], str]:
        """(code, subject) -> action, the latest each."""
        return {
            (r["code"], r["subject"]): r["action"]
            for r in self.db.execute("select code, subject, action from decision")
        }

    def set_hold(self, subject: str, reason: str, until: date | None, who: str, at: datetime) -> None:
        """Hold a receivable (`Invoice 100123`) or a customer (`customer 10002`) back from collection."""
        with self._transaction():
            self._append(at, "held", subject, {"reason": reason, "until": until, "who": who})
            self.db.execute(
                "insert or replace into hold values (?, ?, ?, ?, ?)",
                (subject, reason, _iso(until), who, at.isoformat()),
            )

    def end_hold(self, subject: str, who: str, at: datetime) -> bool:
        """Take a hold away; False when there was none."""
        with self._transaction():
            found = self.db.execute("delete from hold where subject = ?", (subject,)).rowcount > 0
            if found:
                self._append(at, "released", subject, {"who": who})
        return found

    def holds(self) -> list[dict[str, Any]]:
        """The hold list by subject."""
        return [dict(row) for row in self.db.execute("select * from hold order by subject")]

    def pause(self, paused: bool, who: str, at: datetime) -> None:
        """Stop or start writing to the counterparties at once."""
        with self._transaction():
            self._append(at, "paused" if paused else "resumed", "company", {"who": who})
            self._set("paused", "yes" if paused else "no")

    def paused(self) -> bool:
        """Whether a person has stopped writing."""
        return self._get("paused") == "yes"

    # -- findings ------------------------------------------------------------------------------------------------

    def see_findings(
        self,
        night: date,
        at: datetime,
        seen: Sequence[tuple[str, str, str, int | None]],
        *,
        looked_for: Iterable[str] | None = None,
    ) -> None:
        """Tonight's findings as (code, subject, text, amount): new ones open, known ones age, those not seen close.

        One that was gone counts how often it came back; one that was ignored until tonight is open again. A run that
        looked only for some codes says which: findings of other codes stay as they are.
        """
        closable = None if looked_for is None else set(looked_for)
        tonight = night.isoformat()
        with self._transaction():
            known = {(r["code"], r["subject"]): dict(r) for r in self.db.execute("select * from finding")}
            current = {(code, subject): (text, amount) for code, subject, text, amount in seen}
            for (code, subject), (text, amount) in current.items():
                row = known.get((code, subject))
                told = {"text": text, "amount": amount, "last_night": tonight}
                if row is None or row["state"] == "closed":
                    told |= self._happened(row, at, "found", f"{code} {subject}", {**told, "night": tonight})
                elif row["state"] == "ignored" and row["ignored_until"] <= tonight:
                    told |= self._happened(row, at, "due_again", f"{code} {subject}", {"night": tonight})
                if row is None:
                    self._insert_finding({"code": code, "subject": subject, **told})
                else:
                    self._change_finding(row["id"], told)
            for key, row in known.items():
                if key not in current and row["state"] != "closed" and (closable is None or key[0] in closable):
                    gone = self._happened(row, at, "gone", " ".join(key), {"night": tonight})
                    self._change_finding(row["id"], gone)

    def _happened(
        self,
        finding: Mapping[str, Any] | None,
        at: datetime,
        kind: str,
        subject: str,
        data: dict[str, Any],
    ) -> dict[str, Any]:
        """Log what happened to a finding; returns what it is then."""
        self._append(at, kind, subject, data)
        return finding_after(finding, {"kind": kind, "at": at.isoformat(), "data": data})

    def _insert_finding(self, values: Mapping[str, Any]) -> None:
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        self.db.execute(f"insert into finding ({names}) values ({places})", values)

    def _change_finding(self, number: int, values: Mapping[str, Any]) -> None:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        self.db.execute(f"update finding set {changes} where id = :id", {**values, "id": number})

    def findings(self, *, all_states: bool = False) -> list[dict[str, Any]]:
        """Findings, oldest first; only those still seen unless asked for all."""
        where = "" if all_states else "where state <> 'closed'"
        return [dict(row) for row in self.db.execute(f"select * from finding {where} order by first_night, id")]

    def finding(self, number: int) -> dict[str, Any] | None:
        """One finding by its number."""
        row = self.db.execute("select * from finding where id = ?", (number,)).fetchone()
        return dict(row) if row else None

    def finding_events(self, finding: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All that the log tells of a finding, in order: when it was found and gone, and what people did about it."""
        return self.events(f"{finding['code']} {finding['subject']}", f"finding {finding['id']}")

    def resolve_finding(self, number: int, note: str, who: str, at: datetime) -> None:
        """A person has dealt with it; it stays listed as resolved while its cause is still seen."""
        self._act(number, "resolved", {}, note, who, at)

    def ignore_finding(self, number: int, until: date, note: str, who: str, at: datetime) -> None:
        """A person leaves it alone; the night of that day lists it again, if its cause is still seen."""
        self._act(number, "ignored", {"until": until.isoformat()}, note, who, at)

    def assign_finding(self, number: int, to: str, note: str, who: str, at: datetime) -> None:
        """Whose it is from now on; an empty name is nobody's."""
        self._act(number, "assigned", {"to": to}, note, who, at)

    def _act(self, number: int, kind: str, more: Mapping[str, Any], note: str, who: str, at: datetime) -> None:
        """What a person does about a finding; one that is over stays so."""
        with self._transaction():
            before = self.finding(number)
            if before is None:
                raise JournalError(f"there is no finding {number} in the journal")
            data = {**more, "note": note, "who": who}
            after = self._happened(before, at, kind, f"finding {number}", data)
            acted = {"acted_night": before["last_night"]} if kind in ACTS else {}
            self._change_finding(number, after | acted)

    # -- nights --------------------------------------------------------------------------------------------------

    def night_started(self, night: date, at: datetime) -> int:
        """Open a night; returns its number in the log."""
        with self._transaction():
            seq = self._append(at, "night_started", night.isoformat(), {})
            self.db.execute(
                "insert into night values (?, ?, null, 'running', '{}', ?)", (night.isoformat(), at.isoformat(), seq)
            )
        return seq

    def night_ended(self, number: int, night: date, at: datetime, outcome: str, summary: Mapping[str, Any]) -> None:
        """Close it with its outcome (`done`, `waiting`, `failed`) and its figures."""
        with self._transaction():
            self._append(at, "night_ended", night.isoformat(), {"outcome": outcome, "summary": summary})
            self.db.execute(
                "update night set ended_at = ?, outcome = ?, summary = ? where seq = ?",
                (at.isoformat(), outcome, json.dumps(summary, sort_keys=True, default=str), number),
            )

    def nights(self, limit: int = 30) -> list[dict[str, Any]]:
        """The newest nights first."""
        rows = self.db.execute("select * from night order by seq desc limit ?", (limit,))
        return [dict(row) | {"summary": json.loads(row["summary"])} for row in rows]

    def backup(self, target: Path) -> None:
        """A consistent copy beside, replaced by rename."""
        partial = target.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        copy = sqlite3.connect(partial)
        with self._lock:
            self.db.backup(copy)
        # A copy in WAL mode could not be opened by a reader who may not write beside it.
        copy.execute("pragma journal_mode=delete")
        copy.close()
        partial.chmod(0o600)
        partial.replace(target)

    def close(self) -> None:
        """Close the file."""
        self.db.close()
        if self._head is not None:
            os.close(self._head)
            self._head = None


def as_effect(row: EffectRow) -> Effect:
    """A journalled effect as one that can be looked at again."""
    return Effect(
        row.kind, row.reference, row.source, row.ordinal, row.content, row.chain, row.lane, (), row.details, {}
    )


def _as_head(seq: int, digest: str) -> bytes:
    return f"{seq:020d} {digest}\n".encode()


def _iso(value: date | datetime | None) -> str | None:
    return value.isoformat() if value else None


def _row(row: sqlite3.Row) -> EffectRow:
    return EffectRow(
        row["reference"],
        Kind(row["kind"]),
        row["source"],
        row["ordinal"],
        row["chain"],
        row["lane"],
        row["state"],
        Content(row["party"], row["document"], row["account"], row["currency"], row["amount"]),
        json.loads(row["details"]),
        row["remote_id"],
        row["intents"],
        datetime.fromisoformat(row["intent_at"]) if row["intent_at"] else None,
        row["misses"],
        date.fromisoformat(row["missed_night"]) if row["missed_night"] else None,
        row["note"],
        date.fromisoformat(row["night"]),
        row["seq"],
    )
