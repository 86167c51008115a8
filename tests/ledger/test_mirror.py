"""The mirror: what changed is a new version, what did not is none, and any past night can be read again."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcollect_pipeline.agency.cloud_collect.mapping import feeds
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.ledger import Ledger, LedgerError

NIGHT = date(2026, 1, 6)
AT = datetime(2026, 1, 6, 3, tzinfo=UTC)
CLAIMS = feeds()["claims"]
ENTRIES = feeds()["entries"]


def claim(number, principal_open="60.00", **change):
    record = {
        "id": f"clm_{number}", "reference": f"REF{number}", "document": {"type": "Invoice", "number": str(number)},
        "case_id": None, "status": "ACTIVE", "stage": "REMINDER", "hold": "NONE", "disputed": False, "currency": "NOK",
        "principal": "60.00", "principal_open": principal_open, "received_at": "2026-01-05T03:00:00Z",
        "updated_at": "2026-01-05T03:00:00Z",
    }  # fmt: skip
    return json.dumps({**record, **change}).encode()


class Company:
    def __init__(self, folder):
        self.ledger = Ledger(folder, "nordlys", "t1")
        self.landing = Landing(folder / "landing")
        self.nights = 0

    def mirror(self, *records, feed=CLAIMS):
        at = AT + timedelta(days=self.nights)
        self.nights += 1
        spool = self.landing.land("agency", feed.name, NIGHT, at, [list(records)])
        return self.ledger.mirror("agency", NIGHT, at, [(feed, [spool])], {feed.name: at})

    def open_as_of(self, version):
        rows = self.ledger.rows(
            "select document_number, principal_open from claim "
            "where valid_from <= $v and coalesce(valid_to, $v + 1) > $v order by 1",
            {"v": version},
        )
        return {row["document_number"]: str(row["principal_open"]) for row in rows}


@pytest.fixture
def company(tmp_path):
    company = Company(tmp_path)
    yield company
    company.ledger.close()


def test_the_same_record_again_is_no_news(company):
    assert company.mirror(claim(1)).changed["claim"] == 1
    again = company.mirror(claim(1, updated_at="2026-02-01T00:00:00Z"))
    assert (again.staged["claim"], again.changed["claim"]) == (1, 0)


def test_a_change_makes_a_version_and_the_past_stays_readable(company):
    first = company.mirror(claim(1), claim(2)).version
    second = company.mirror(claim(1, "40.00")).version
    assert company.open_as_of(first) == {"1": "60.00", "2": "60.00"}
    assert company.open_as_of(second) == {"1": "40.00", "2": "60.00"}
    assert company.ledger.value("select count(*) from claim") == 3


def test_of_two_rows_with_one_key_the_newest_counts(company):
    company.mirror(claim(1, "10.00", updated_at="2026-01-09T00:00:00Z"), claim(1, "20.00"))
    assert company.open_as_of(1) == {"1": "10.00"}


def test_a_bad_row_is_set_aside_with_its_reason_and_its_raw_record_and_the_good_ones_go_on(company):
    mirrored = company.mirror(claim(1), claim(2, "12,50"), b"17", claim(3, status="LOST"))
    assert company.open_as_of(1) == {"1": "60.00"}
    reasons = {aside.key: aside.reasons for aside in mirrored.set_aside}
    assert reasons["clm_2"] == ("principal_open is missing or not an amount",)
    assert reasons["clm_3"][0].startswith("status must be one of")
    raw = dict(company.ledger.db.execute("select key, raw from persons.set_aside").fetchall())
    assert json.loads(raw["clm_2"])["doc"]["principal_open"] == "12,50"
    assert len(raw) == 3


def test_a_row_mended_later_leaves_the_list_of_what_was_set_aside(company):
    company.mirror(claim(2, "12,50"))
    company.mirror(claim(2, "12.50"))
    assert company.ledger.value("select count(*) from persons.set_aside") == 0
    assert company.open_as_of(2) == {"2": "12.50"}


def test_a_crash_before_the_commit_leaves_the_night_to_be_read_again(company, tmp_path):
    company.mirror(claim(1))
    spool = company.landing.land("agency", "claims", NIGHT, AT, [[claim(1, "1.00")]])
    company.ledger.stage("agency", CLAIMS, [spool])
    company.ledger.close()
    company.ledger = Ledger(tmp_path, "nordlys", "t1")
    assert company.open_as_of(1) == {"1": "60.00"}
    assert company.ledger.watermark("agency", "claims") == AT


def test_a_ledger_of_another_company_is_refused(company, tmp_path):
    company.ledger.close()
    with pytest.raises(LedgerError, match="belongs to company nordlys"):
        Ledger(tmp_path, "sorvind", "t2")
    company.ledger = Ledger(tmp_path, "nordlys", "t1")


def test_a_landing_that_breaks_off_leaves_no_spool(company):
    def pages():
        yield [claim(1)]
        raise RuntimeError("the connection is gone")

    with pytest.raises(RuntimeError):
        company.landing.land("agency", "claims", NIGHT, AT, pages())
    assert list(company.landing.folder.rglob("*.*")) == []


BALANCES = st.dictionaries(st.integers(1, 4), st.integers(0, 9), max_size=4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(BALANCES, min_size=1, max_size=5))
def test_any_past_night_reads_as_it_was(tmp_path_factory, nights):
    company = Company(tmp_path_factory.mktemp("mirror"))
    known: dict[str, str] = {}
    expected = {}
    for night in nights:
        version = company.mirror(*(claim(number, f"{amount}.00") for number, amount in night.items())).version
        known |= {str(number): f"{amount}.00" for number, amount in night.items()}
        expected[version] = dict(known)
    assert {version: company.open_as_of(version) for version in expected} == expected
    company.ledger.close()


def test_a_ledger_takes_the_memory_and_threads_it_is_given_and_spills_into_its_own_folder(tmp_path):
    ledger = Ledger(tmp_path, "nordlys", "t1", memory="100MB", threads=2)
    settings = ("memory_limit", "threads", "temp_directory")
    limit, threads, spill = (str(ledger.value(f"select current_setting('{name}')")) for name in settings)
    assert (limit, threads) == ("95.3 MiB", "2")
    assert spill == str(tmp_path / "spill")
    assert (tmp_path / "spill").stat().st_mode & 0o777 == 0o700
    ledger.value("select count(distinct (i, i::varchar)) from range(3_000_000) t(i)")  # twice what the limit holds
    ledger.close()


def test_a_thousand_broken_records_are_set_aside_in_the_time_of_one(company):
    mirrored = company.mirror(*(claim(n, principal_open="much") for n in range(1000)), claim(1000))
    assert len(mirrored.set_aside) == 1000
    assert mirrored.changed["claim"] == 1
    kept = company.ledger.rows("select count(*) as n, min(reasons) as why from persons.set_aside")
    assert kept == [{"n": 1000, "why": "principal_open is missing or not an amount"}]
