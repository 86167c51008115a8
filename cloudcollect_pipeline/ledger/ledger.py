"""Open, stage, mirror: what happens to landed records inside DuckDB."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from itertools import count, islice
from pathlib import Path
from typing import Any

import duckdb

from cloudcollect_pipeline.domain.feed import Feed
from cloudcollect_pipeline.landing import Spool, raw_records
from cloudcollect_pipeline.ledger.contracts import breaks, broken_rows, checked, key_of
from cloudcollect_pipeline.ledger.tables import TABLES, Table

SCHEMA_VERSION = 1
STREAMED = 2_000
"""Rows held at a time of a list that is read as it comes."""
BATCH = 10_000
"""Rows that are planned from, or copied, at a time."""
COPIED = (
    *("reference", "kind", "source", "ordinal", "chain", "state", "party", "document", "account", "currency"),
    *("amount", "remote_id", "night", "seq", "details"),
)
"""What the ledger keeps of the journal's effects."""
SMALL = 64 * 1024 * 1024
"""Bytes of a ledger file below which one thread is enough."""


def threads_for(path: Path) -> int:
    """A small ledger is answered faster by one thread than by several that wait for each other."""
    small = not path.exists() or path.stat().st_size < SMALL
    return 1 if small else os.cpu_count() or 1


def memory_for() -> str:
    """An eighth of the machine's memory, since several companies may run at once; at most 1 GB."""
    eighth = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
    return f"{min(eighth, 10**9) // 10**6}MB"


class LedgerError(Exception):
    """The ledger file cannot be used; the message says which file, why, and what to do."""


def _half_made(new: Sequence[Path]) -> None:
    """Take away files that were only just begun, as on a full disk: the next run could not open them."""
    for path in new:
        path.unlink(missing_ok=True)


def _unusable(path: Path, error: duckdb.Error) -> LedgerError:
    told = str(error).splitlines()[0]

    def because_of(*numbers: int) -> bool:
        return any(os.strerror(number) in told for number in numbers)

    mend = "It is derived: move it away and the next run rebuilds the present from both systems."
    if because_of(errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        mend = "Free some space on its disk and run again."
    elif because_of(errno.EACCES, errno.EPERM, errno.EROFS):
        mend = "Let this user write it and its folder, and run again."
    return LedgerError(f"{path} cannot be opened: {told}. {mend}")


@cache
def sql(name: str, package: str = "cloudcollect_pipeline.ledger.sql") -> str:
    """The text of a .sql file of this package."""
    return files(package).joinpath(f"{name}.sql").read_text()


@dataclass(frozen=True)
class SetAside:
    """A row that broke its contract. Keys are None where they could not be read; reasons never hold values."""

    side: str
    feed: str
    key: str
    document_type: str | None
    number: str | None
    customer: str | None
    reasons: tuple[str, ...]
    n: int


@dataclass(frozen=True)
class Mirrored:
    """What one commit changed: per table, rows staged and rows that were news."""

    version: int
    staged: Mapping[str, int]
    changed: Mapping[str, int]
    set_aside: tuple[SetAside, ...]


class Ledger:
    """One company's ledger file with its one writer. Persons and raw set-aside records live in a file of their own."""

    laid: object = None
    """The facts that planning has laid beside the mirrors on this connection: the same are not laid again."""

    def __init__(
        self, folder: Path, company: str, tenant: str, *, memory: str | None = None, threads: int | None = None
    ) -> None:
        self.folder = folder
        self._made: set[str] = set()
        self._batched = count()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / "ledger.duckdb"
        threads = threads or threads_for(self.path)
        self.spill = folder / "spill"
        self.spill.mkdir(exist_ok=True, mode=0o700)
        persons = folder / "persons.duckdb"
        new = [path for path in (self.path, persons) if not path.exists()]
        try:
            self.db = duckdb.connect(
                str(self.path),
                config={
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "allow_community_extensions": "false",
                    "memory_limit": memory or memory_for(),
                    "threads": str(threads),
                    "temp_directory": str(self.spill),
                    # A large commit rewrites what it touched once a night, when the ledger is published, not each time.
                    "checkpoint_threshold": "256MB",
                },
            )
        except duckdb.Error as error:
            _half_made(new)
            raise _unusable(self.path, error) from None
        file = self.path
        try:
            file.chmod(0o600)
            file = persons
            self.db.execute(f"attach '{str(file).replace(chr(39), chr(39) * 2)}' as persons")
            file.chmod(0o600)
            file = self.path
            self._create(company, tenant)
            if persons in new and self.path not in new:
                # Lost or not restored: what was set aside fences no more until both sides have been read whole again.
                self.db.execute("delete from watermark")
        except duckdb.Error as error:
            self.db.close()
            _half_made(new)
            raise _unusable(file, error) from None
        except BaseException:
            self.db.close()
            raise

    def _create(self, company: str, tenant: str) -> None:
        self.db.execute("set TimeZone = 'UTC'")
        self._refuse_a_stranger(company, tenant)
        self.db.execute(sql("macros"))
        self.db.execute(sql("schema"))
        self.db.execute(sql("persons"))
        for table in TABLES.values():
            columns = ", ".join(f"{column.name} {column.type}" for column in table.stored)
            self.db.execute(
                f"create table if not exists {table.name} ({columns}, valid_from bigint not null, valid_to bigint)"
            )
        self.present()
        self.db.execute(sql("views"))
        self.db.executemany(
            "insert or ignore into meta values (?, ?)",
            [("company", company), ("tenant", tenant), ("schema_version", str(SCHEMA_VERSION))],
        )

    def _refuse_a_stranger(self, company: str, tenant: str) -> None:
        """Before anything is made in it: is the file this company's, and of a version that we know?"""
        if not self.value("select count(*) from duckdb_tables() where table_name = 'meta'"):
            return
        known = dict(self.db.execute("select name, value from meta").fetchall())
        if not known:
            return
        if (known["company"], known["tenant"]) != (company, tenant):
            raise LedgerError(
                f"{self.path} belongs to company {known['company']} (tenant {known['tenant']}), not to {company}. "
                "Point the company at its own data folder."
            )
        if int(known["schema_version"]) > SCHEMA_VERSION:
            raise LedgerError(f"{self.path} was written by a newer version. Update cloudcollect-pipeline.")

    def close(self) -> None:
        """Checkpoint and close."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.db.execute("begin")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def present(self, version: int | None = None) -> None:
        """Lay the `_now` views over the mirror as it is, or as it was at a version; all views built on them follow."""
        known = "valid_to is null"
        if version is not None:
            known = f"valid_from <= {version:d} and (valid_to is null or valid_to > {version:d})"
        for table in TABLES:
            self.db.execute(sql("present").format(table=table, known=known))

    def once(self, name: str, script: str, *, again: bool = False) -> None:
        """Run a script that makes temporary views or tables, once per connection and name."""
        if again or name not in self._made:
            self.db.execute(script)
            self._made.add(name)

    def work_out(self, *views: str) -> None:
        """Work views out: until they are laid again they show what they show now, and cost nothing to ask."""
        for view in views:
            self.db.execute(f"create or replace temp table {view}_worked_out as from {view}")
            self.db.execute(f"create or replace temp view {view} as from {view}_worked_out")

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries."""
        cursor = self.db.execute(query, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def stream(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as they come, for lists too long to hold twice. Read them to the end."""
        cursor = self.db.execute(query, parameters)
        while rows := cursor.fetchmany(STREAMED):
            yield from rows

    def batches(self, query: str, size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
        """The rows of a query so many at a time. It is asked once, and others may be asked in between."""
        table = f"batched_{next(self._batched)}"
        self.db.execute(f"create temp table {table} as {query.strip().removesuffix(';')}")
        try:
            for first in count(0, size):
                rows = self.rows(f"from {table} where rowid >= ? and rowid < ? order by rowid", [first, first + size])
                if rows:
                    yield rows
                if len(rows) < size:
                    return
        finally:
            self.db.execute(f"drop table {table}")

    def value(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The single value of a query, or None."""
        row = self.db.execute(query, parameters).fetchone()
        return row[0] if row else None

    # -- staging -------------------------------------------------------------------------------------------------

    def map(self, feed: Feed, spools: Sequence[Spool], into: str) -> None:
        """Map landed records to canonical columns in a temporary table, in the order in which they were read."""
        struct = ", ".join(f'"{name}" {type_}' for name, type_ in feed.columns.items())
        # An untyped null of a mapping takes its column's type, and what does not fit it fails its contract by itself.
        typed = ", ".join(f"try_cast({c.name} as {c.type}) as {c.name}" for c in TABLES[feed.table].columns)
        self.db.execute(
            sql("map").format(into=into, struct=struct, mapping=feed.mapping, typed=typed),
            {"paths": [str(spool.path) for spool in spools]},
        )
        # A line that DuckDB cannot read stands as a row of nothing, which its contract sets aside: no landed record may
        # ever be passed over.
        if self.value(f"select count(*) from {into}") < sum(spool.records for spool in spools):
            self.db.execute(sql("passed_over").format(into=into), {"lines": [n for s in spools for n in s.lines]})

    def stage(self, side: str, feed: Feed, spools: Sequence[Spool]) -> list[SetAside]:
        """Map and validate one delta into `staged_<table>`; returns the rows that were set aside."""
        table = TABLES[feed.table]
        staged = f"staged_{table.name}"
        self.map(feed, spools, staged)
        broken = self._broken(table, staged)
        aside = self._describe(side, feed, table, staged, broken, spools) if broken else []
        if broken:
            self.db.execute(f"delete from {staged} where n in (select unnest($broken))", {"broken": list(broken)})
        keys = ", ".join(table.key)
        newest = "modified_at" if table.side == "erp" else "updated_at"
        self.db.execute(
            f"create or replace temp table {staged} as select * from {staged} "
            f"qualify row_number() over (partition by {keys} order by {newest} desc nulls last, n desc) = 1"
        )
        return aside

    def _broken(self, table: Table, staged: str) -> dict[int, list[str]]:
        query = f"select {checked(table.name)} from {staged} where {breaks(table.name)} order by n"
        broken = self.db.sql(query).to_arrow_table()
        if not len(broken):
            return {}
        import pandas as pd

        return broken_rows(table, broken.to_pandas(types_mapper=pd.ArrowDtype).set_index("n"))

    def _describe(
        self,
        side: str,
        feed: Feed,
        table: Table,
        staged: str,
        broken: Mapping[int, Sequence[str]],
        spools: Sequence[Spool],
    ) -> list[SetAside]:
        names = {column.name for column in table.columns}

        def pick(*candidates: str) -> str:
            return next((c for c in candidates if c in names), "null")

        query = sql("broken").format(
            staged=staged,
            key=key_of(table.name),
            id=table.key[-1],
            document_type=pick("document_type"),
            number=pick("document_number", "number") if table.name in ("claim", "receivable") else "null",
            customer="number" if table.name == "customer" else pick("customer"),
        )
        rows = self.rows(query, {"broken": list(broken)})
        raw = {n: (line, spool.path.name) for spool in spools for n, line in raw_records(spool.path, list(broken))}
        aside: list[SetAside] = []
        kept: dict[str, dict[str, Any]] = {}
        for row in rows:
            line, spool = raw[row["n"]]
            key = row["key"] if "?" not in row["key"] else f"{row['key']} line {row['n']} of {spool}"
            subject = row["document_type"], row["number"], row["customer"]
            why = tuple(broken[row["n"]])
            aside.append(SetAside(side, feed.name, key, *subject, why, row["n"]))
            told = {"side": side, "feed": feed.name, "key": key, "reasons": "; ".join(why), "raw": line, "spool": spool}
            kept[key] = {**row, **told}
        if kept:
            import pyarrow as pa

            # All at once: DuckDB takes ten thousand rows in the time of two statements.
            self.db.register("kept", pa.Table.from_pylist(list(kept.values()), schema=_aside_schema()))
            self.db.execute("insert or replace into staged_aside by name from kept")
            self.db.unregister("kept")
        return aside

    # -- mirroring -----------------------------------------------------------------------------------------------

    def mirror(
        self,
        side: str,
        night: date,
        at: datetime,
        landed: Sequence[tuple[Feed, Sequence[Spool]]],
        watermarks: Mapping[str, datetime],
        gone: Sequence[tuple[str, str]] = (),
        unread: Mapping[str, Sequence[str]] | None = None,
    ) -> Mirrored:
        """Stage every landed delta and commit it in one transaction with the watermarks. `at` is UTC.

        `gone` are payments, by type and number, that the ERP no longer has; `unread`, by why they are read by key, the
        documents that could not be read, in place of those kept before. The version is the history's clock: a row
        is valid from the commit that brought it to the one that changed it.
        """
        self.db.execute(sql("staged_aside"))
        staged: dict[str, int] = {feed.table: 0 for feed, _ in landed}
        changed: dict[str, int] = {feed.table: 0 for feed, _ in landed}
        aside: list[SetAside] = []
        landed = [(feed, spools) for feed, spools in landed if any(spool.records for spool in spools)]
        for feed, spools in landed:
            aside += self.stage(side, feed, spools)
            staged[feed.table] = int(self.value(f"select count(*) from staged_{feed.table}"))
        # Two files cannot commit as one: persons and set-aside rows go first, since both are safe to write twice.
        self._keep_persons_and_set_aside(night, landed)
        with self.transaction():
            version = int(self.value("select coalesce(max(version), 0) + 1 from mirror_version"))
            for feed, _ in landed:
                changed[feed.table] = self._apply(TABLES[feed.table], version) if staged[feed.table] else 0
            if gone:
                types, numbers = zip(*gone, strict=True)
                self.db.execute(sql("gone"), {"version": version, "types": list(types), "numbers": list(numbers)})
                changed["payment"] = changed.get("payment", 0) + len(gone)
            self.db.execute("insert into mirror_version values (?, ?, ?, ?)", [version, side, night, at])
            self.db.execute(
                "insert or replace into watermark select $side, unnest($feeds), unnest($moments), $night",
                {"side": side, "feeds": list(watermarks), "moments": list(watermarks.values()), "night": night},
            )
            for why, documents in (unread or {}).items():
                self.db.execute(
                    "insert or replace into meta values (?, ?)", [f"unread {why}", json.dumps(list(documents))]
                )
        return Mirrored(version, staged, changed, tuple(aside))

    def _apply(self, table: Table, version: int) -> int:
        names = _names(table)
        self.db.execute(sql("changed").format(**names))
        count = int(self.value("select count(*) from changed"))
        if count:
            self.db.execute(sql("close").format(**names), {"version": version})
            self.db.execute(sql("open").format(**names), {"version": version})
        return count

    def _keep_persons_and_set_aside(self, night: date, landed: Sequence[tuple[Feed, Sequence[Spool]]]) -> None:
        if any(feed.table == "customer" for feed, _ in landed):
            self.db.execute(
                "insert or replace into persons.person by name "
                "select number as customer, name, address, postal_code, city, email, phone from staged_customer"
            )
        for feed, _ in landed:
            key = TABLES[feed.table].key
            self.db.execute(
                sql("mended").format(table=feed.table, keys=", ".join(key), id=key[-1]), {"feed": feed.name}
            )
        if not self.value("select count(*) from staged_aside"):
            return
        self.db.execute(
            "insert or replace into persons.set_aside select side, feed, key, id, document_type, number, customer, "
            "reasons, raw, spool, n, $night from staged_aside",
            {"night": night},
        )

    def keep_questions(self, questions: Sequence[tuple[str, str, str, bool]]) -> None:
        """Keep those of all the agency's questions, as (id, claim, text, answered), that still wait for an answer."""
        of = {"claims": [claim for _, claim, _, _ in questions]}
        over = {row["claim_id"] for row in self.rows("from claim_over where claim_id in (select unnest($claims))", of)}
        waiting = [question for question in questions if not question[3] and question[1] not in over]
        with self.transaction():
            self.db.execute("delete from persons.question")
            if waiting:
                self.db.executemany("insert into persons.question values (?, ?, ?, ?)", waiting)

    def watermark(self, side: str, feed: str) -> datetime | None:
        """Up to when a feed has been read (UTC), or None before the first night."""
        read_at: datetime | None = self.value("select read_at from watermark where side = ? and feed = ?", [side, feed])
        return read_at

    def read_on(self, side: str, feed: str) -> date | None:
        """The night on which a feed was last read, or None before the first."""
        night: date | None = self.value("select night from watermark where side = ? and feed = ?", [side, feed])
        return night

    def unread(self, why: str) -> tuple[str, ...]:
        """Documents that could not be read by key when they were last asked for because of this."""
        kept = self.value("select value from meta where name = ?", [f"unread {why}"])
        return tuple(json.loads(kept)) if kept else ()

    def version(self) -> int:
        """The newest mirror version, 0 before the first."""
        return int(self.value("select coalesce(max(version), 0) from mirror_version"))

    # -- the journal's copy --------------------------------------------------------------------------------------

    def effects_known(self) -> tuple[int, str]:
        """The journal entry up to which effects have been copied, and its seal: another journal has another."""
        known = str(self.value("select value from meta where name = 'journal'") or "0 ")
        seq, _, seal = known.partition(" ")
        return int(seq), seal

    def copy_effects(self, rows: Iterable[Mapping[str, Any]], seq: int, seal: str, *, anew: bool = False) -> None:
        """Bring the copy of the journal's effects up to one of its entries, all of it or nothing.

        `anew`: the rows are all there are, of another journal than before.
        """
        if (seq, seal) == self.effects_known() and not anew:
            return
        with self.transaction():
            if anew:
                self.db.execute("delete from effect")
            values = ([row[name] for name in COPIED[:-1]] + [json.dumps(row[COPIED[-1]])] for row in rows)
            while some := list(islice(values, BATCH)):
                self.db.executemany(
                    f"insert or replace into effect ({', '.join(COPIED)}) values ({', '.join('?' * len(COPIED))})", some
                )
            self.db.execute("insert or replace into meta values ('journal', ?)", [f"{seq} {seal}"])


@cache
def _aside_schema() -> Any:
    import pyarrow as pa

    texts = ("side", "feed", "key", "id", "document_type", "number", "customer", "reasons", "raw", "spool")
    return pa.schema([*((name, pa.string()) for name in texts), ("n", pa.int64())])


def _names(table: Table) -> dict[str, str]:
    """The identifiers a mirror statement needs; all come from `TABLES`, never from data."""
    return {
        "table": table.name,
        "id": table.key[-1],
        "same_key": " and ".join(f"known.{key} = staged.{key}" for key in table.key),
        "known_columns": ", ".join(f"known.{name}" for name in table.compared),
        "staged_columns": ", ".join(f"staged.{name}" for name in table.compared),
        "columns": ", ".join(column.name for column in table.stored),
    }
