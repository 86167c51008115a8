"""Personal data: a debtor is erased to the last byte or refused with the reason, and the money goes on as before."""

import json
import zipfile
from datetime import timedelta
from hashlib import sha256

import duckdb
import pytest
import zstandard

from cloudcollect_pipeline.dispatch.lock import CompanyBusy, company_lock
from cloudcollect_pipeline.planning.plan import prepare
from cloudcollect_pipeline.privacy import acts, files
from cloudcollect_pipeline.privacy.holdings import holdings
from cloudcollect_pipeline.reporting.books import read_books
from cloudcollect_pipeline.reporting.files import write_report
from cloudcollect_pipeline.reporting.persons import names_of
from tests.stories.test_several_agencies import Agencies
from tests.story import Story, ends_equal

CANARY = ("Kanari", "kanari@example.no", "Burgata 41", "40990001")
"""Name, e-mail, address and telephone that only one debtor has."""


def canary(story, **invoice):
    name, email, address, phone = CANARY
    customer = story.customer(name=f"{name} Fugl", email=email, address=address, phone=phone)
    return story.receivable(8000, customer=customer, **invoice)


def packed(path):
    """What is in a file, unpacked, as a stranger would look at it."""
    data = path.read_bytes()
    yield data
    if path.suffix == ".zst":
        yield zstandard.ZstdDecompressor().stream_reader(data).read()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as db:
            for (table,) in db.execute("select table_name from duckdb_tables() order by 1").fetchall():
                yield repr(db.execute(f'from "{table}"').fetchall()).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def naming(folder):
    """The files below a folder in which a word of the canary stands."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and any(word.lower().encode() in content.lower() for content in packed(path) for word in CANARY)
    )


def reported(story):
    """The night's books as files with names, as `reconcile` writes them."""
    folder = story.data / story.slug
    names = names_of(folder, "test", story.world.clock)
    with story.opened() as night:
        prepare(night.ledger, night.facts())
        books = read_books(
            night.ledger, night.journal, story.slug, story.settings.companies[story.slug], night.night, names
        )
        write_report(books, "en", folder / "reports")


def erase(story, customer, **options):
    told = {"who": "person", "note": "asked for by letter", "clock": story.world.clock, "patience": 0.0, **options}
    return acts.erase(story.settings, story.slug, customer, **told)


def retain(story, **options):
    told = {"who": "person", "note": "weekly", "clock": story.world.clock, "patience": 0.0, **options}
    return acts.retain(story.settings, story.slug, **told)


def collected(tmp_path):
    """A canary who paid the agency, with everything settled, beside a debtor who still owes; and the books as files."""
    story = Story(tmp_path)
    invoice, other = canary(story), story.receivable(6000)
    story.night()
    story.collect(invoice, 8000)
    story.night()
    reported(story)  # the canary's money stands in the account, by name
    story.agency.settle(story.slug, on=story.world.today)
    story.night()
    return story, invoice, other


def test_nothing_of_an_erased_debtor_is_left_in_any_file_and_the_books_stand(tmp_path):
    story, invoice, other = collected(tmp_path)
    folder = story.data / story.slug
    assert {path.split("/")[0] for path in naming(folder)} >= {"persons.duckdb", "landing", "reports"}

    (done,) = erase(story, invoice.customer.number)
    assert naming(story.data) == []
    assert done.still_named_in == ()
    assert (done.removed.persons, done.removed.reports > 0, done.removed.records > 2) == (1, True, True)
    kept = json.loads(done.report.read_text())
    assert (kept["customer"], kept["removed"]["persons"], kept["who"]) == (invoice.customer.number, 1, "person")
    assert oct(done.report.stat().st_mode)[-3:] == "600"
    (event,) = [e for e in story.with_journal(lambda j: j.events()) if e["kind"] == "privacy_erased"]
    assert event["subject"] == f"customer {invoice.customer.number}"
    assert event["data"]["note"] == "asked for by letter"

    (again,) = erase(story, invoice.customer.number)
    assert not again.removed
    for spool in files.spools(folder):
        manifest = json.loads(files.manifest_of(spool).read_text())
        content = zstandard.ZstdDecompressor().stream_reader(spool.read_bytes()).read()
        assert manifest["sha256"] == sha256(content).hexdigest()
        assert manifest["records"] == content.count(b"\n")
    ends_equal(story, other)
    # For a week the ERP is asked for what it has dunned: what it lists again is landed again.
    assert {path.split("/")[1] for path in naming(story.data)} == {"landing"}
    assert story.with_journal(lambda journal: journal.verify()) is None


def test_what_is_erased_keeps_its_money_in_the_books_without_a_name(tmp_path):
    story, invoice, _ = collected(tmp_path)
    with story.opened() as night:
        before = night.ledger.rows("from receivable where customer = ? order by valid_from", [invoice.customer.number])
    erase(story, invoice.customer.number)
    with story.opened() as night:
        assert (
            night.ledger.rows("from receivable where customer = ? order by valid_from", [invoice.customer.number])
            == before
        )


def open_receivable(story):
    return canary(story, due=story.world.today + timedelta(days=20))


def live_claim(story):
    invoice = canary(story)
    story.night()
    return invoice


def money_on_the_account(story):
    invoice = live_claim(story)
    story.collect(invoice, 8000)
    story.night()
    return invoice


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (open_receivable, "RECEIVABLE_OPEN"),
        (live_claim, "CLAIM_LIVE"),
        (money_on_the_account, "MONEY_ON_SUSPENSE_ACCOUNT"),
    ],
)
def test_whoever_is_still_needed_is_refused_with_the_reason_and_the_night_goes_on(tmp_path, told, code):
    story = Story(tmp_path)
    invoice = told(story)
    story.night()
    before = {path: path.stat().st_mtime_ns for path in (story.data / story.slug / "landing").rglob("*")}
    with pytest.raises(acts.StillNeeded) as refused:
        erase(story, invoice.customer.number)
    assert code in {ground.code for ground in refused.value.grounds[story.slug]}
    assert f"customer {invoice.customer.number} is not erased" in str(refused.value)
    assert CANARY[0] not in str(refused.value)
    assert before == {path: path.stat().st_mtime_ns for path in (story.data / story.slug / "landing").rglob("*")}
    story.erp.pay(invoice, invoice.balance) if invoice.balance else None
    ends_equal(story)


def test_a_record_that_could_not_be_read_and_names_them_refuses_too(tmp_path):
    story, invoice, _ = collected(tmp_path)
    with story.opened() as night:
        night.ledger.db.execute(
            "insert into persons.set_aside values ('agency', 'claims', 'x', null, null, null, null, 'y', ?, 's', 1, ?)",
            [f'{{"n":1,"doc":{{"debtor":"{CANARY[0]} Fugl"}}}}', story.world.today],
        )
    with pytest.raises(acts.StillNeeded, match="could not be read"):
        erase(story, invoice.customer.number)


def test_a_night_that_is_on_is_not_disturbed(tmp_path):
    story, invoice, _ = collected(tmp_path)
    with company_lock(story.data / story.slug, "nightly", story.world.clock), pytest.raises(CompanyBusy):
        erase(story, invoice.customer.number)


def test_an_unknown_customer_and_a_note_that_names_are_refused(tmp_path):
    story, invoice, _ = collected(tmp_path)
    with pytest.raises(acts.UnknownCustomer):
        erase(story, "99999")
    with pytest.raises(acts.NoteNames):
        erase(story, invoice.customer.number, note="Kanari Fugl asked")


def test_what_a_person_wrote_into_the_journal_is_said(tmp_path):
    story, invoice, _ = collected(tmp_path)
    with story.opened() as night:
        night.journal.set_hold("customer 1", f"{CANARY[0]} Fugl called", None, "person", story.world.now)
    (done,) = erase(story, invoice.customer.number)
    assert {path.rpartition("/")[2] for path in done.still_named_in} <= {
        "journal.sqlite", "journal.sqlite-wal", "journal.backup.sqlite",
    }  # fmt: skip
    assert done.still_named_in


def test_what_was_cut_short_is_made_good_by_asking_again(tmp_path):
    story, invoice, _ = collected(tmp_path)
    folder = story.data / story.slug
    (folder / "landing" / "erp_customers" / "2026-01-06-delta.ndjson.partial").write_text(CANARY[0])  # of a killed run
    (folder / "persons.partial").mkdir()  # no new file of persons can be written here
    with pytest.raises(OSError):
        erase(story, invoice.customer.number)
    assert naming(story.data) == ["nordlys/persons.duckdb"]
    (folder / "persons.partial").rmdir()
    erase(story, invoice.customer.number)
    assert naming(story.data) == []


def test_whoever_is_listed_again_is_landed_anew(tmp_path):
    story, invoice, _ = collected(tmp_path)
    erase(story, invoice.customer.number)
    later = story.receivable(4000, customer=invoice.customer.number, due=story.world.today - timedelta(days=40))
    story.night()  # the mirror learns of the invoice; whose it is, is read by key on the next
    story.quiet(2)
    assert story.claim(later).principal == 4000
    assert naming(story.data) != []


def test_what_is_old_enough_goes_and_comes_back_when_it_is_needed(tmp_path):
    story, invoice, other = collected(tmp_path)
    assert not retain(story).removed.spools
    story.morning(200)
    looked = holdings(story.settings, story.slug, who="x", clock=story.world.clock, patience=0.0)
    assert {place.place: place.due > 0 for place in looked.places} == {
        "persons": True, "spools": True, "reports": False,
    }  # fmt: skip
    dry = retain(story, dry=True)
    assert naming(story.data) != []
    done = retain(story)
    assert (
        (done.removed.persons, done.removed.spools)
        == (dry.removed.persons, dry.removed.spools)
        == (1, dry.removed.spools)
    )
    assert {path.split("/")[1] for path in naming(story.data)} == {"reports"}
    story.morning(300)
    assert retain(story).removed.reports == 2
    assert naming(story.data) == []
    looked = holdings(story.settings, story.slug, who="x", clock=story.world.clock, patience=0.0)
    assert [place.due for place in looked.places] == [0, 0, 0]
    assert [act["act"] for act in looked.acts] == ["retained"] * 3
    ends_equal(story, other)
    again = story.receivable(4000, customer=invoice.customer.number, due=story.world.today - timedelta(days=40))
    story.quiet(3)
    assert story.claim(again).principal == 4000


def test_a_lost_file_of_persons_is_read_again_from_both_sides(tmp_path):
    story = Story(tmp_path)
    canary(story)
    story.night()
    (story.data / story.slug / "persons.duckdb").unlink()
    later = story.receivable(5000)
    story.night()
    assert story.claim(later).principal == 5000
    with story.opened() as night:
        assert night.ledger.value("select count(*) from persons.person") == 2


def test_the_same_creditor_at_two_agencies_is_erased_from_both_books_or_from_none(tmp_path):
    below, above = {"below_amount": "5000"}, {"from_amount": "5000"}
    story = Agencies(tmp_path, (below, above), companies=("nordlys",))
    invoice = canary(story)
    story.all_nights(2)
    for slug in ("nordlys", "nordlys-fjord"):
        with pytest.raises(acts.StillNeeded):
            acts.erase(
                story.settings, slug, invoice.customer.number, who="p", note="n", clock=story.world.clock, patience=0.0
            )
    story.erp.pay(invoice, 8000)
    story.all_nights(3)
    assert len(erase(story, invoice.customer.number)) == 2
    assert naming(story.data) == []
