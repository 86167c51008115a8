"""Which items the statement lists, and in which order; amounts in øre."""

from datetime import date

import duckdb

from cloudcollect_pipeline.ledger.ledger import sql
from cloudcollect_pipeline.reconciliation.statement import HERE

TABLES = """
create table entry_principal (
    root varchar, customer varchar, document varchar, value_date date, carried decimal(18, 2));
create table own_posting (source varchar, status varchar, amount decimal(18, 2));
create table settlement_line (
    entry_id varchar, claim_id varchar, bucket varchar, status varchar, amount decimal(18, 2));
create table entry_root (entry_id varchar, root varchar);
create table our_claim (claim_id varchar, document_type varchar, document_number varchar);
create table receivable_now (document_type varchar, number varchar, customer varchar);
create table entry (entry_id varchar, valid_from bigint);
create table mirror_version (version bigint, night date);
create table opening_item (entry_id varchar, customer varchar, amount decimal(18, 2), value_date date);
create table due_line (entry_id varchar, amount decimal(18, 2));

insert into mirror_version values (4, '2026-03-05'), (6, '2026-03-07');
insert into entry values ('open', 6), ('open', 4);
insert into entry_root values ('open', 'open'), ('paid out', 'paid out'), ('in transit', 'in transit');
insert into our_claim values ('c', 'Invoice', '1');
insert into receivable_now values ('Invoice', '1', '7');
insert into entry_principal values
    ('open', '7', 'Invoice 2', '2026-03-02', 5), ('open', '7', 'Invoice 1', '2026-03-01', 7.25),
    ('open', '7', 'Invoice 1', '2026-03-02', 1),
    ('paid out', '7', 'Invoice 1', '2026-02-01', 3), ('carried only', '7', 'Invoice 1', '2026-02-02', 3),
    ('in transit', '7', 'Invoice 1', '2026-02-03', 3), ('nowhere', null, 'Invoice 9', '2026-02-02', 3),
    ('nothing left', '7', 'Invoice 1', '2026-02-01', 0);
insert into own_posting values
    ('open:7', 'Open', 13), ('open:7', 'Closed', 0.25), ('open:7', 'Voided', 9), ('paid out:7', 'Closed', 3),
    ('in transit:7', 'Open', 3), ('in transit:7', 'Hold', 2);
insert into settlement_line values
    ('paid out', 'c', 'principal', 'PUBLISHED', 3), ('open', 'c', 'principal', 'PUBLISHED', 1),
    ('in transit', 'c', 'principal', 'PUBLISHED', 3),
    ('open', 'c', 'interest', 'PUBLISHED', 1), ('open', 'c', 'principal', 'CANCELLED', 1);
insert into opening_item values ('old', '8', 10, '2026-03-09'), ('old and paid', '8', 4, '2026-03-09');
insert into due_line values ('old', 1.5), ('old', 2.5), ('old and paid', 4);
"""


def test_what_is_open_in_any_way_is_listed_with_what_stood_at_go_live_first():
    db = duckdb.connect()
    db.execute(TABLES)
    db.execute(sql("open_item", HERE))
    march = date(2026, 3, 1)
    assert db.execute("select * exclude (place) from open_item order by place").fetchall() == [
        ("old", "8", "at go-live", date(2026, 3, 9), None, 1000, 1000, 400, 0),
        ("carried only", "7", "Invoice 1", date(2026, 2, 2), None, 300, 0, 0, 0),
        ("nowhere", "?", "Invoice 9", date(2026, 2, 2), None, 300, 0, 0, 0),
        ("in transit", "7", "Invoice 1", date(2026, 2, 3), None, 300, 300, 300, 200),
        ("open", "7", "Invoice 1, Invoice 2", march, date(2026, 3, 5), 1325, 1325, 100, 0),
    ]
