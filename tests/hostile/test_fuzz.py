"""Property: any record becomes a canonical row or is set aside or refused; never a crash, a float or another amount."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from cloudcollect_pipeline.agency.cloud_collect import CloudCollect
from cloudcollect_pipeline.agency.cloud_collect.mapping import feeds as agency_feeds
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import CounterpartyError, Unreadable
from cloudcollect_pipeline.domain.money import NotMoney, ore
from cloudcollect_pipeline.erp.visma_net import VismaNetSettings, codec
from cloudcollect_pipeline.erp.visma_net.feeds import feeds as erp_feeds
from cloudcollect_pipeline.landing import Landing
from cloudcollect_pipeline.ledger.ledger import Ledger
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.web import BearerKey, NotJson, Web, strict

NIGHT = date(2026, 1, 6)
NOW = datetime(2026, 1, 6, 3, tzinfo=UTC)
FEEDS = {**erp_feeds(VismaNetSettings("1510", "1510", "INK")), **agency_feeds()}

LINE = {"documentType": "Invoice", "refNbr": "1", "amountPaid": 1.5, "cashDiscountTaken": 0, "balanceWriteOff": 0}
MODIFIED = {"lastModifiedDateTime": "2026-01-05T10:00:00.123"}
ADDRESS = {"addressLine1": "Gata 1", "city": "Oslo", "postalCode": "0155", "country": {"id": "NO"}}
SOUND: Mapping[str, dict[str, Any]] = {
    "documents": {
        "documentType": "Invoice", "referenceNumber": "1", "customer": {"number": "1"}, "status": "Open",
        "documentDate": "2025-12-01", "documentDueDate": "2025-12-15", "currencyId": "NOK", "amount": 60.5,
        "balance": 50.25, "dunningLetterLevel": 1, "dunningLetterDate": "2026-01-01", "excludeDebtCollection": False,
        "revoked": False, "debtCollection": {"caseNumber": "1"}, "applications": [LINE], **MODIFIED,
    },
    "payments": {
        "type": "Payment", "refNbr": "1", "customer": {"number": "1"}, "status": "Open", "cashAccount": "1510",
        "paymentRef": "R", "currency": "NOK", "paymentAmount": 60.5, "availableBalance": 0.0,
        "applicationDate": "2026-01-01", "paymentLines": [LINE, LINE], **MODIFIED,
    },
    "customers": {
        "number": "1", "status": "Active", "name": "N", "corporateId": "974760673", "customerClass": {"id": "1"},
        "parentRecord": {"number": "2"}, "currencyId": "NOK", "excludeDebtCollection": False, "mainAddress": ADDRESS,
        "invoiceAddress": ADDRESS, "mainContact": {"name": "N", "email": "e", "phone1": "1"}, **MODIFIED,
    },
    "claims": {
        "id": "clm_1", "reference": "R", "document": {"type": "Invoice", "number": "1"}, "case_id": "cas_1",
        "status": "OPEN", "stage": "REMINDER", "hold": "NONE", "disputed": False, "currency": "NOK",
        "principal": "60.50", "principal_open": "50.25", "received_at": "2026-01-05T10:00:00Z",
        "updated_at": "2026-01-05T10:00:00Z",
    },
    "cases": {"id": "cas_1", "number": "1", "status": "OPEN", "url": "x", "updated_at": "2026-01-05T10:00:00Z"},
    "entries": {
        "id": "ent_1", "kind": "PAYMENT", "received_by": "AGENCY", "amount": "10.00", "currency": "NOK",
        "value_date": "2026-01-05", "recorded_at": "2026-01-05T10:00:00Z", "reverses": None, "reference": None,
        "source": None, "cancelled": False, "lines": [{"claim_id": "clm_1", "bucket": "PRINCIPAL", "amount": "10.00"}],
        "updated_at": "2026-01-05T10:00:00Z",
    },
    "settlements": {
        "id": "stm_1", "number": "1", "status": "PUBLISHED", "replaces": None, "currency": "NOK",
        "booking_date": "2026-01-05", "payout_date": None, "updated_at": "2026-01-05T10:00:00Z",
        "totals": dict.fromkeys(
            ("principal", "interest", "fees", "commission", "expenses", "vat", "offset", "net"), "0.00"
        ),
        "lines": [
            {"entry_id": "ent_1", "claim_id": "clm_1", "bucket": "PRINCIPAL", "amount": "10.00", "vat": "0.00"}
        ],
    },
}  # fmt: skip
AMOUNTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "documents": {"amount": ("amount",), "balance": ("balance",)},
    "payments": {"amount": ("paymentAmount",), "balance": ("availableBalance",)},
    "customers": {},
    "claims": {"principal": ("principal",), "principal_open": ("principal_open",)},
    "cases": {},
    "entries": {"amount": ("amount",)},
    "settlements": {
        {"offset": "offset_amount"}.get(name, name): ("totals", name) for name in SOUND["settlements"]["totals"]
    },
}
"""Column -> where its amount stands in the record."""

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**14), max_value=10**14),
    st.decimals(allow_nan=False, allow_infinity=False),
)
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", " ", "NaN", "Infinity", "-0", "1e3", "infinity", "epoch", "true", "null", "'", "{}", "\x00"]),
    st.decimals(places=2, allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14).map(str),
    st.dates().map(str),
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()),
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def spoilt(value: Any) -> st.SearchStrategy[Any]:
    """The value, with anything in the place of some of its parts."""
    if isinstance(value, dict):
        parts: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={name: spoilt(part) for name, part in value.items()}
        )
        whole = st.fixed_dictionaries({name: spoilt(part) for name, part in value.items()})
        return st.one_of(whole, whole, whole, parts, anything)
    if isinstance(value, list):
        return st.one_of(st.tuples(*map(spoilt, value)).map(list), anything)
    return st.one_of(*[st.just(value)] * 6, numbers, texts, anything)


def written(value: Any) -> bytes:
    """JSON with decimals as they are."""

    class Number(float):
        def __new__(cls, text: Decimal) -> "Number":
            made = super().__new__(cls, 0.0)
            made.text = str(text)  # type: ignore[attr-defined]
            return made

        def __repr__(self) -> str:
            return str(self.text)  # type: ignore[attr-defined]

    return json.dumps(_replaced(value, Number)).encode()


def _replaced(value: Any, number: Callable[[Decimal], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(part, number) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, number) for part in value]
    return number(value) if isinstance(value, Decimal) else value


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """Fixed examples, few enough for every run; fixtures live over all of them."""
    quick = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return lambda test: seed(20260106)(quick(test))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    made = Ledger(tmp_path_factory.mktemp("fuzz"), "nordlys", "tenant")
    yield made
    made.close()


number = count(1)


def stand(record: Any, path: Sequence[str]) -> Any:
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record


def only_values(value: Any) -> None:
    """No float, however deep."""
    assert not isinstance(value, float)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        only_values(part)


@pytest.mark.parametrize("name", list(SOUND))
def test_every_record_is_staged_as_it_is_or_set_aside(name: str, ledger: Ledger) -> None:
    feed, side = FEEDS[name], TABLES[FEEDS[name].table].side

    @fuzzed(8)
    @given(st.lists(spoilt(SOUND[name]), min_size=1, max_size=15))
    def holds(records: list[Any]) -> None:
        raws = []
        for record in records:
            try:
                raws.append(strict(written(record)))
            except NotJson:
                continue
        landing = Landing(ledger.folder / "landing" / str(next(number)))
        spool = landing.land(side, name, NIGHT, NOW, [raws])
        mirrored = ledger.mirror(side, NIGHT, NOW, [(feed, [spool])], {})
        if not raws:
            return
        key = TABLES[feed.table].key
        rows = {row["n"]: row for row in ledger.rows(f"select * from staged_{feed.table}")}
        aside = {record.n for record in mirrored.set_aside}
        ledger.map(feed, [spool], "probe")
        keys = {row["n"]: tuple(row[part] for part in key) for row in ledger.rows("select * from probe")}
        assert set(keys) == set(spool.lines)
        assert not aside & set(rows)
        for n in set(keys) - aside - set(rows):
            assert keys[n] in {keys[kept] for kept in rows}  # the same record once more
        for row in rows.values():
            only_values(row)
            source = json.loads(raws[row["n"] - 1], parse_float=Decimal)
            for column, path in AMOUNTS[name].items():
                if row[column] is not None:
                    assert row[column] == Decimal(str(stand(source, path)))

    holds()


VOUCHER = {
    "batchNumber": "1", "status": "Open", "currencyId": "NOK", "description": "REF x",
    "journalTransactionLines": [
        {"accountNumber": "1510", "referenceNumber": "REF", "debitAmount": 10.5, "creditAmount": 0, "vatCode": None}
    ],
}  # fmt: skip
MOVEMENT = {
    "lineNumber": 1, "module": "ModuleAR", "batchNumber": "1", "tranDate": "2026-01-05T00:00:00", "refNumber": "1",
    "account": {"number": "1510"}, "description": "x", "debitAmount": 10.5, "creditAmount": 0,
}  # fmt: skip
PERIOD = {
    "year": 2026, "period": "202601", "startDate": "2026-01-01", "endDate": "2026-02-01", "active": True,
    "closedInCustomerLedger": False, "closedInGeneralLedger": False, "closedInCashManagement": False,
}  # fmt: skip


def exactly(amount: Any) -> int:
    return ore(Decimal(str(amount))) if amount else 0


@fuzzed(100)
@given(spoilt(SOUND["payments"]))
def test_a_payment_is_read_to_the_ore_or_refused(record: Any) -> None:
    try:
        read = codec.posted_payment(written(record), "GET /v1/customerPayment")
    except Unreadable:
        return
    assert read.amount == exactly(record["paymentAmount"])
    lines = [line for line in record.get("paymentLines") or [] if line]
    assert sum(line.amount for line in read.lines) == sum(exactly(line["amountPaid"]) for line in lines)
    assert all(type(line.amount) is int for line in read.lines)


@fuzzed(60)
@given(st.lists(spoilt(VOUCHER), max_size=2))
def test_vouchers_are_read_to_the_ore_or_refused(records: list[Any]) -> None:
    try:
        read = codec.posted_vouchers(map(written, records), "GET /v2/journaltransaction")
    except Unreadable:
        return
    lines = [line for record in records for line in record.get("journalTransactionLines") or []]
    wanted = sum(exactly(line.get("debitAmount")) - exactly(line.get("creditAmount")) for line in lines)
    assert sum(line.amount for voucher in read for line in voucher.lines) == wanted


@fuzzed(100)
@given(spoilt(MOVEMENT))
def test_a_movement_is_read_to_the_ore_or_refused(record: Any) -> None:
    try:
        read = codec.movement(written(record), "GET /v1/GeneralLedgerTransactions")
    except Unreadable:
        return
    assert read.amount == exactly(record.get("debitAmount")) - exactly(record.get("creditAmount"))


@fuzzed(50)
@given(st.lists(spoilt(PERIOD), max_size=3))
def test_periods_are_read_in_order_or_refused(records: list[Any]) -> None:
    try:
        read = codec.periods([written(record) for record in records], "GET /v1/financialPeriod")
    except Unreadable:
        return
    assert [period.start for period in read] == sorted(period.start for period in read)


@fuzzed(200)
@given(st.one_of(st.binary(max_size=60), anything.map(written)))
def test_the_answer_to_an_action_is_understood_or_refused(body: bytes) -> None:
    for read in (codec.action_failed, codec.is_settled):
        with suppress(Unreadable):
            read(body, "POST /v1/x")


@fuzzed(200)
@given(st.one_of(st.text(max_size=40), st.sampled_from(["http://[x/v1/y/1", "//[", "/v1/x/b64(%%)", "/v1/x/b64(_w)"])))
def test_a_location_has_an_id_or_none(location: str) -> None:
    found = codec.id_from_location(location)
    assert found is None or found.strip()


@fuzzed(200)
@given(st.text(max_size=20))
def test_a_document_number_is_one_segment_of_an_address(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError:
        return  # strict answers have no half characters
    segment = codec.key_segment(key)
    assert segment not in ("", ".", "..")
    assert not set(segment) & set("/\\?#%\n ") or "%20" in segment


@fuzzed(300)
@given(st.one_of(st.text(max_size=20), st.decimals(), st.integers()))
def test_an_amount_is_exact_or_none(text: str | Decimal | int) -> None:
    try:
        amount = ore(text)
    except NotMoney:
        return
    assert Decimal(amount).scaleb(-2) == Decimal(str(text))


ITEM = {
    "reference": "R", "kind": "claim", "id": "clm_1", "document": {"type": "Invoice", "number": "1"},
    "currency": "NOK", "amount": "10.50",
}  # fmt: skip
QUESTION = {"id": "que_1", "claim_id": "clm_1", "text": "?", "answer": None}
CALLS: list[tuple[dict[str, Any], Callable[[CloudCollect], object]]] = [
    ({"items": [ITEM]}, lambda agency: agency.find(["R"])),
    ({"items": [QUESTION]}, lambda agency: agency.questions()),
    ({"items": [{"id": "clm_1"}], "next_cursor": None}, lambda agency: agency.claims(["clm_1"])),
    ({"items": [{"id": "clm_1"}], "next_cursor": "c"}, lambda agency: list(agency.pages("claims", None))),
    ({"id": "clm_1", "hold": "PAUSED"}, lambda agency: agency.set_hold("clm_1", "PAUSED", "")),
]


@pytest.mark.parametrize(("sound", "call"), CALLS, ids=["find", "questions", "claims", "pages", "hold"])
def test_the_agencys_answers_are_understood_or_refused(
    sound: dict[str, Any], call: Callable[[CloudCollect], object]
) -> None:
    @fuzzed(40)
    @given(st.one_of(spoilt(sound).map(written), st.binary(max_size=40)))
    def holds(body: bytes) -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
        url = "https://agency.test"
        web = Web(url, BearerKey("key", url), clock=VirtualClock(NOW), transport=transport)
        with web, suppress(CounterpartyError):
            call(CloudCollect(web, "inkasso"))

    holds()


def test_every_feed_is_fuzzed() -> None:
    assert set(SOUND) == set(FEEDS) == set(AMOUNTS)
    assert Path(__file__).parent.name == "hostile"
