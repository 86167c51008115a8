"""The adapter for the reference contract, against the sandbox agency behind a real HTTP client."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from cloudcollect_pipeline.agency.cloud_collect import CloudCollect
from cloudcollect_pipeline.agency.port import Agency as AgencyPort
from cloudcollect_pipeline.agency.port import AgencyCapabilities, Debtor, Held, NewClaim, NewReduction
from cloudcollect_pipeline.domain.clock import VirtualClock
from cloudcollect_pipeline.domain.errors import NotSent, Permanent, Refused, Transient, Uncertain, Unreadable
from cloudcollect_pipeline.erp.port import Receipt
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.sandbox.agency import Agency, AgencyApi, Capabilities, Claim, Settings
from cloudcollect_pipeline.sandbox.faults import Faults
from cloudcollect_pipeline.sandbox.http import AnswerLost, Request
from cloudcollect_pipeline.web import BearerKey, HttpRefused, Web

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
URL = "https://agency.example"
DEBTOR = Debtor("10001", "Privatkunde Ås", False, None, "Skogstien 4", "1430", "Ås", "NO", None, "+47 000 10001")
CLAIM = NewClaim(
    reference="TRANSFER1",
    document_type="Invoice",
    number="200001",
    kid="2000018",
    document_date=date(2025, 11, 15),
    due_date=date(2025, 12, 15),
    original_amount=10_050,
    principal=6_005,
    currency="NOK",
    reminders_sent=1,
    last_reminder=date(2025, 12, 30),
    debtor=DEBTOR,
    pdf=b"%PDF-1.4 invoice",
)
REDUCTION = NewReduction(
    "REDUCTION1", "clm_00000001", "DIRECT_PAYMENT", 2_000, "NOK", date(2026, 1, 4), "Payment", "400001"
)


class Line:
    """A sandbox agency at one end, the adapter at the other, faults in between."""

    def __init__(self, settings: Settings | None = None, page_size: int = 2) -> None:
        self.clock = VirtualClock(START)
        self.agency = Agency(self.clock, settings)
        self.faults = Faults()
        self.handler = self.faults.wrap(AgencyApi(self.agency, self.clock, {"key": "nordlys"}).handle)
        self.asked: list[str] = []
        transport = httpx.MockTransport(self._carry)
        self.web = Web(URL, BearerKey("key", URL), clock=self.clock, transport=transport)
        self.adapter = CloudCollect(self.web, "inkasso", page_size=page_size)

    def _carry(self, sent: httpx.Request) -> httpx.Response:
        self.asked.append(f"{sent.method} {sent.url.raw_path.decode()}")
        request = Request.to(sent.method, sent.url.raw_path.decode(), dict(sent.headers), sent.content)
        try:
            answer = self.handler(request)
        except AnswerLost:
            raise httpx.ReadError("closed", request=sent) from None
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    def claim(self, number: str = "200001", **changes: Any) -> Claim:
        receipt = self.adapter.create_claim(replace(CLAIM, reference=f"T{number}", number=number, **changes))
        self.agency.tick()
        return self.agency.account("nordlys").claims[receipt.id]

    def all(self, feed: str, since: datetime | None = None) -> list[bytes]:
        return [raw for page in self.adapter.pages(feed, since) for raw in page]


@pytest.fixture
def line() -> Line:
    return Line()


def rows(line: Line, feed: str, records: Iterable[bytes], tmp_path: Path) -> list[dict[str, Any]]:
    """Records as rows of their ledger table, mapped by DuckDB as the ledger does it."""
    spool = tmp_path / "spool.ndjson"
    spool.write_bytes(b"".join(b'{"n":%d,"doc":%s}\n' % (n, raw) for n, raw in enumerate(records)))
    described = line.adapter.feeds[feed]
    struct = ", ".join(f'"{name}" {type_}' for name, type_ in described.columns.items())
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(files("cloudcollect_pipeline.ledger.sql").joinpath("macros.sql").read_text(encoding="utf-8"))
        db.execute(
            "create table raw as select * from read_json(?, format = 'newline_delimited', "
            f"columns = {{n: 'BIGINT', doc: 'STRUCT({struct})'}})",
            [str(spool)],
        )
        db.execute(f"create table mapped as {described.mapping}")
        columns = db.sql("select column_name, column_type from (describe mapped)").fetchall()
        expected = [(column.name, column.type) for column in TABLES[described.table].columns]
        names = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
        assert columns == [("n", "BIGINT"), *((name, names.get(type_, type_)) for name, type_ in expected)]
        found = db.sql("select * from mapped order by n").fetchall()
    return [dict(zip([name for name, _ in columns], row, strict=True)) for row in found]


def test_the_adapter_is_an_agency(line: Line) -> None:
    agency: AgencyPort = line.adapter
    assert (agency.id, set(agency.feeds)) == ("inkasso", {"claims", "cases", "entries", "settlements"})


def test_a_claim_arrives_with_its_debtor_and_document(line: Line) -> None:
    held = line.claim()
    assert (held.principal, held.order.original_amount, held.order.kid) == (6_005, 10_050, "2000018")
    assert (held.order.due_date, held.order.last_reminder) == (date(2025, 12, 15), date(2025, 12, 30))
    assert (held.order.debtor.name, held.order.debtor.phone) == (DEBTOR.name, DEBTOR.phone)
    document = held.order.documents[0]
    assert (document.name, document.sha256) == ("Invoice-200001.pdf", hashlib.sha256(CLAIM.pdf or b"").hexdigest())
    assert line.claim("2", pdf=None, kid=None, last_reminder=None).order.documents == ()


def test_sending_the_same_again_gives_the_same_receipt(line: Line) -> None:
    assert line.adapter.create_claim(CLAIM) == line.adapter.create_claim(CLAIM) == Receipt("clm_00000001")
    assert line.adapter.create_reduction(REDUCTION) == line.adapter.create_reduction(REDUCTION)
    assert line.agency.account("nordlys").claims["clm_00000001"].principal_open == 4_005


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda a: a.create_claim(replace(CLAIM, principal=1)), "reference_in_use"),
        (lambda a: a.create_claim(replace(CLAIM, reference="OTHER")), "already_registered"),
        (lambda a: a.create_claim(replace(CLAIM, reference="X", number="9", currency="EUR")), "wrong_currency"),
        (lambda a: a.create_reduction(replace(REDUCTION, amount=6_006)), "exceeds_open"),
        (lambda a: a.create_reduction(replace(REDUCTION, amount=-1)), "exceeds_reported"),
        (lambda a: a.create_reduction(replace(REDUCTION, claim_id="clm_9")), "not_found"),
        (lambda a: a.set_hold("clm_9", "PAUSED", "excluded"), "not_found"),
    ],
)
def test_a_refusal_carries_the_agencys_code(line: Line, act: Callable[[CloudCollect], object], code: str) -> None:
    line.adapter.create_claim(CLAIM)
    with pytest.raises(HttpRefused) as refusal:
        act(line.adapter)
    assert refusal.value.code == code


def test_a_claim_is_paused_resumed_and_recalled(line: Line) -> None:
    claim = line.claim()
    for hold in ("PAUSED", "NONE", "RECALLED"):
        line.adapter.set_hold(claim.id, hold, "excluded " * 50)
        assert claim.hold == hold
    with pytest.raises(Refused, match="ended"):
        line.adapter.set_hold(claim.id, "NONE", "")


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ({"kind": "lost_after"}, Uncertain, True),
        ({"kind": "lost_before"}, Uncertain, False),
        ({"kind": "status_after", "status": 502}, Uncertain, True),
        ({"kind": "html"}, Uncertain, True),
        ({"kind": "truncated"}, Uncertain, True),
        ({"kind": "retry_429"}, NotSent, False),
        ({"kind": "status_before", "status": 403, "body": b'{"code":"unauthorized"}'}, Refused, False),
    ],
)
@pytest.mark.parametrize("what", ["claim", "reduction"])
def test_the_reference_tells_what_a_write_without_a_good_answer_did(
    line: Line, fault: dict[str, Any], error: type[Exception], done: bool, what: str
) -> None:
    if what == "reduction":
        line.adapter.create_claim(CLAIM)
    line.faults.add(method="POST", **fault)
    with pytest.raises(error):
        line.adapter.create_claim(CLAIM) if what == "claim" else line.adapter.create_reduction(REDUCTION)
    reference = CLAIM.reference if what == "claim" else REDUCTION.reference
    assert (reference in line.adapter.find([reference])) is done


@pytest.mark.parametrize("body", [b"{}", b'{"id":"","reference":"TRANSFER1"}', b'{"id":"c","reference":"X"}', b"[]"])
def test_a_success_about_something_else_is_no_success(line: Line, body: bytes) -> None:
    line.faults.add("status_before", "POST", status=201, body=body)
    with pytest.raises(Uncertain):
        line.adapter.create_claim(CLAIM)


def test_a_hold_that_the_answer_does_not_show_is_uncertain(line: Line) -> None:
    claim = line.claim()
    line.faults.add("status_before", "PUT", status=200, body=b'{"id":"clm_00000001","hold":"NONE"}')
    with pytest.raises(Uncertain):
        line.adapter.set_hold(claim.id, "PAUSED", "excluded")


def test_references_are_found_in_batches_of_a_hundred(line: Line) -> None:
    line.adapter.create_claim(CLAIM)
    line.adapter.create_reduction(replace(REDUCTION, amount=2_000))
    references = [CLAIM.reference, *(f"UNKNOWN{number}" for number in range(240)), REDUCTION.reference]
    line.asked.clear()
    assert line.adapter.find(references) == {
        "TRANSFER1": Held("TRANSFER1", "claim", "clm_00000001", "Invoice 200001", "NOK", 6_005),
        "REDUCTION1": Held("REDUCTION1", "reduction", "ent_00000001", "Invoice 200001", "NOK", 2_000),
    }
    assert len(line.asked) == 3
    assert line.adapter.find([]) == {}


def test_a_feed_is_read_whole_page_by_page(line: Line) -> None:
    numbers = [str(number) for number in range(5)]
    for number in numbers:
        line.claim(number)
    pages = list(line.adapter.pages("claims", None))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [json.loads(raw)["document"]["number"] for page in pages for raw in page] == numbers
    assert list(line.adapter.pages("settlements", None)) == []
    with pytest.raises(ValueError, match="no feed"):
        list(line.adapter.pages("payments", None))


def test_a_feed_is_read_from_a_moment_less_the_overlap(line: Line) -> None:
    line.claim("1")
    line.clock.sleep(27 * 3600)
    line.claim("2")
    assert len(line.all("claims", line.clock.now())) == 1
    assert len(line.all("claims", line.clock.now() - timedelta(hours=1))) == 2


def test_single_records_are_read_by_id_and_missing_ones_left_out(line: Line) -> None:
    first, second = line.claim("1"), line.claim("2")
    entry = line.agency.receive(first, 1_000)
    settlement = line.agency.settle("nordlys")
    assert settlement is not None
    ids = [second.id, "clm_9", *(f"clm_x{number}" for number in range(150)), first.id]
    assert [json.loads(raw)["id"] for raw in line.adapter.claims(ids)] == [second.id, first.id]
    assert [json.loads(raw)["id"] for raw in line.adapter.entries([entry.id])] == [entry.id]
    assert [json.loads(raw)["id"] for raw in line.adapter.settlements([settlement.id])] == [settlement.id]
    assert line.adapter.claims([]) == []


HTML = b"<html>Please log in</html>"
FOREIGN = b'{"items":[{"id":"clm_7"}],"next_cursor":null}'


@pytest.mark.parametrize(
    "body", [HTML, b"", b"[]", b"{}", b'{"items":[{"id":"x"', b'{"items":null,"next_cursor":null}']
)
@pytest.mark.parametrize(
    "read",
    [
        lambda a: list(a.pages("claims", None)),
        lambda a: a.claims(["clm_1"]),
        lambda a: a.find(["R"]),
    ],
)
def test_an_answer_that_breaks_the_contract_is_unreadable(
    line: Line, read: Callable[[CloudCollect], object], body: bytes
) -> None:
    line.faults.add("status_before", "GET", status=200, body=body)
    with pytest.raises(Unreadable, match=r"GET /v1/(claims|references)") as unreadable:
        read(line.adapter)
    assert "log in" not in str(unreadable.value)


def test_a_server_that_overlooks_the_filter_is_unreadable(line: Line) -> None:
    line.faults.add("status_before", "GET", status=200, body=FOREIGN)
    with pytest.raises(Unreadable, match="not asked for"):
        line.adapter.claims(["clm_1"])


@pytest.mark.parametrize("held", ['"amount":"1e3"', '"amount":10', '"amount":"10.00","kind":"case"'])
def test_a_held_reference_that_cannot_be_understood_is_unreadable(line: Line, held: str) -> None:
    item = '{"reference":"R","kind":"claim","id":"c","document":{"type":"Invoice","number":"1"},"currency":"NOK",'
    line.faults.add("status_before", "GET", status=200, body=f'{{"items":[{item}{held}}}]}}'.encode())
    with pytest.raises(Unreadable, match="references"):
        line.adapter.find(["R"])


def test_a_cursor_that_comes_back_is_unreadable(line: Line) -> None:
    for _ in range(3):
        line.faults.add("status_before", "GET", status=200, body=b'{"items":[{}],"next_cursor":"again"}')
    with pytest.raises(Unreadable, match="cursor"):
        list(line.adapter.pages("entries", None))


def test_reads_are_tried_again_and_give_up_in_the_end(line: Line) -> None:
    line.claim()
    line.faults.add("status_before", "GET", status=503, count=2)
    assert len(line.all("claims")) == 1
    line.faults.add("status_before", "GET", status=503, count=9)
    with pytest.raises(Transient):
        line.all("claims")


def test_a_feed_that_is_not_offered_is_a_matter_for_a_person() -> None:
    line = Line(Settings(capabilities=Capabilities(settlements=False)))
    with pytest.raises(Permanent):
        line.all("settlements")


def test_the_agency_declares_what_it_can_do() -> None:
    line = Line(Settings(capabilities=Capabilities(raise_claim=False, currencies=("NOK", "EUR"))))
    adapter = CloudCollect.connect(line.web, "inkasso")
    assert adapter.capabilities == AgencyCapabilities(
        raise_claim=False, update_debtor=True, questions=True, currencies=("NOK", "EUR")
    )


def test_what_an_agency_need_not_know_of_it_does_not_offer() -> None:
    line = Line(Settings())
    told = json.loads(line.web.read("/v1/capabilities").body)
    del told["update_debtor"], told["questions"]
    line.faults.add("status_before", "GET", status=200, body=json.dumps(told).encode())
    assert CloudCollect.connect(line.web, "inkasso").capabilities == AgencyCapabilities(currencies=("NOK",))


def test_a_debtor_told_anew_and_an_answer_reach_the_agency(line: Line) -> None:
    claim = line.claim()
    debtor = Debtor("10001", "Debtor", False, None, "Nygata 2", "5003", "Bergen", "NO", None, None)
    line.adapter.update_debtor(claim.id, debtor)
    assert claim.order.debtor.address == "Nygata 2"
    question = line.agency.question(claim, "Which contract?")
    assert [(q.id, q.claim_id, q.answered) for q in line.adapter.questions()] == [(question.id, claim.id, False)]
    line.adapter.answer(question.id, "No. 7")
    assert [q.answered for q in line.adapter.questions()] == [True]


def test_an_agency_that_leaves_a_capability_out_is_unreadable(line: Line) -> None:
    line.faults.add("status_before", "GET", status=200, body=b'{"pause":true}')
    with pytest.raises(Unreadable, match="raise_claim"):
        CloudCollect.connect(line.web, "inkasso")


def test_claims_and_cases_become_ledger_rows(line: Line, tmp_path: Path) -> None:
    claim = line.claim()
    line.agency.dispute(claim)
    line.agency.book_direct(claim, 1_005)
    assert claim.case is not None
    (row,) = rows(line, "claims", line.all("claims"), tmp_path)
    assert row == {
        "n": 0,
        "claim_id": claim.id,
        "reference": "T200001",
        "document_type": "Invoice",
        "document_number": "200001",
        "case_id": claim.case.id,
        "status": "ACTIVE",
        "stage": "REMINDER",
        "hold": "NONE",
        "disputed": True,
        "currency": "NOK",
        "principal": Decimal("60.05"),
        "principal_open": 50,
        "received_at": START,
        "updated_at": START,
    }
    (row,) = rows(line, "cases", line.all("cases"), tmp_path)
    assert (row["case_id"], row["number"], row["url"]) == (claim.case.id, claim.case.number, claim.case.url)


def test_entries_become_ledger_rows(line: Line, tmp_path: Path) -> None:
    claim = line.claim()
    line.adapter.create_reduction(replace(REDUCTION, claim_id=claim.id))
    payment = line.agency.receive(claim, 4_005, fees=350, on=date(2026, 2, 28))
    line.agency.reverse(payment, 1)
    line.agency.cancel_reduction(line.agency.entries_with_reference("REDUCTION1")[0])
    reported, paid, reversed_ = rows(line, "entries", line.all("entries"), tmp_path)
    assert (reported["kind"], reported["received_by"], reported["reference"]) == (
        "DIRECT_PAYMENT",
        "CREDITOR",
        "REDUCTION1",
    )
    assert (reported["source_document_type"], reported["source_document_number"]) == ("Payment", "400001")
    assert (reported["cancelled"], reported["amount"], reported["value_date"]) == (True, 20, date(2026, 1, 4))
    assert (paid["received_by"], paid["reference"], paid["source_document_type"]) == ("AGENCY", None, None)
    assert [(share["claim_id"], share["bucket"], str(share["amount"])) for share in paid["lines"]] == [
        (claim.id, "principal", "40.05"),
        (claim.id, "agency_fee", "3.50"),
    ]
    assert (reversed_["reverses"], str(reversed_["amount"]), reversed_["cancelled"]) == (payment.id, "-0.01", False)


def test_settlements_become_ledger_rows(line: Line, tmp_path: Path) -> None:
    claim = line.claim()
    entry = line.agency.receive(claim, 6_005, interest=100, fees=400)
    settlement = line.agency.settle("nordlys", date(2026, 1, 31), expenses=10, offset=20)
    assert settlement is not None
    line.agency.cancel_settlement(settlement)
    (row,) = rows(line, "settlements", line.all("settlements"), tmp_path)
    amounts = ("principal", "interest", "fees", "commission", "expenses", "vat", "offset_amount", "net")
    assert [str(row[name]) for name in amounts] == ["60.05", "1.00", "0.00", "3.00", "0.10", "1.75", "0.20", "56.00"]
    assert (row["status"], row["booking_date"], row["payout_date"]) == (
        "CANCELLED",
        date(2026, 1, 31),
        date(2026, 2, 2),
    )
    assert row["lines"][0] == {
        "entry_id": entry.id,
        "claim_id": claim.id,
        "bucket": "principal",
        "amount": row["principal"],
        "vat": 0,
    }


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"principal": 60.05}, None),
        ({"principal": "sixty"}, "principal"),
        ({"principal_open": "60.005"}, "principal_open"),
        ({"disputed": "perhaps"}, "disputed"),
        ({"updated_at": "yesterday"}, "updated_at"),
        ({"document": None}, "document_type"),
        ({"status": "LOST"}, None),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_empty_and_fails_its_contract_alone(
    line: Line, tmp_path: Path, change: dict[str, Any], column: str | None
) -> None:
    line.claim()
    broken = json.dumps(json.loads(line.all("claims")[0]) | change).encode()
    good, bad = rows(line, "claims", [line.all("claims")[0], broken], tmp_path)
    assert None not in [value for name, value in good.items() if name != "n"]
    if column is not None:
        assert bad[column] is None
    assert bad["claim_id"] == good["claim_id"]


def test_no_message_names_a_person(line: Line) -> None:
    line.agency.refuse_next("not_accepted", 'debtor "Privatkunde Ås" is unknown')
    with pytest.raises(Refused) as refusal:
        line.adapter.create_claim(CLAIM)
    assert "Ås" not in str(refusal.value)
    assert "Ås" not in repr(DEBTOR)
