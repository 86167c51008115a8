"""Personal data: a debtor is erased to the last byte or refused with the reason, and the money goes on as before."""

import json
import os
import shutil
import zipfile
from datetime import timedelta
from hashlib import sha256

import duckdb
import pytest
import zstandard

from cloudcollect_pipeline.dispatch.lock import CompanyBusy, company_lock
from cloudcollect_pipeline.planning.plan import prepare
from cloudcollect_pipeline.privacy import acts, files
from cloudcollect_pipeline.privacy.grounds import Subject, is_about
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


def look(story, slug=None):
    return holdings(story.settings, slug or story.slug, who="x", clock=story.world.clock, patience=0.0)


def questions(story):
    """Ids of the questions whose text is kept."""
    with story.opened() as night:
        return [row["question_id"] for row in night.ledger.rows("from persons.question order by question_id")]


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


def test_what_the_agency_asked_goes_with_its_answer(tmp_path):
    story = Story(tmp_path)
    invoice = canary(story)
    story.night()
    answered = story.agency.question(story.claim(invoice), f"Who is {CANARY[0]}?")
    waiting = story.agency.question(story.claim(invoice), f"Where is {CANARY[2]}?")
    story.night()
    assert questions(story) == [answered.id, waiting.id]
    story.agency.answer(story.slug, answered.id, "on the agency's own pages")
    story.night()
    assert questions(story) == [waiting.id]
    assert look(story).places[1].number == 1


def test_what_the_agency_asked_goes_with_its_claim_and_does_not_come_back(tmp_path):
    story = Story(tmp_path)
    invoice, _ = canary(story), story.receivable(6000)
    story.night()
    question = story.agency.question(story.claim(invoice), f"Where is {CANARY[2]}?")
    story.night()
    story.erp.pay(invoice, 8000)
    story.quiet(2)
    assert question.answer is None
    erase(story, invoice.customer.number)
    story.morning(10)  # the ERP is not asked for their last dunning any more
    retain(story)
    story.quiet(2)
    assert questions(story) == []
    assert "nordlys/persons.duckdb" not in naming(story.data)


def test_retention_takes_a_question_by_its_claim_when_its_person_is_gone(tmp_path):
    story, invoice, other = collected(tmp_path)
    erase(story, invoice.customer.number)
    rows = [
        ("late", story.claim(invoice).id, f"Who is {CANARY[0]}?"),
        ("open", story.claim(other).id, "Which contract?"),
    ]
    with story.opened() as night:
        night.ledger.db.executemany("insert into persons.question values (?, ?, ?, false)", rows)
    asked = look(story).places[1]
    assert (asked.place, asked.number, asked.due) == ("questions", 2, 1)
    assert retain(story, dry=True).removed.questions == 1
    assert retain(story).removed.questions == 1
    assert questions(story) == ["open"]
    assert "nordlys/persons.duckdb" not in naming(story.data)


OLA = Subject("10002", frozenset({"10002", "100123"}), (), ("Ola Nor", "Storgata 1"))


@pytest.mark.parametrize(
    ("doc", "theirs"),
    [
        ({"number": "100123"}, True),
        ({"lines": [{"document": "100123"}]}, True),
        ({"amount": 100123}, False),
        ({"amount": 100123.0}, False),
        ({"number": "1001234"}, False),
        ({"text": "to OLA NOR, at last"}, True),
        ({"text": "Ola Nordmann"}, False),
        ({"address": "Storgata 1"}, True),
        ({"address": "Storgata 1, 0155 Oslo"}, True),
        ({"address": "Storgata 12"}, False),
        ({"address": "Lille Storgata 1B"}, False),
    ],
)
def test_a_record_is_somebodys_by_whole_words_and_by_keys_that_are_texts(tmp_path, doc, theirs):
    assert is_about(json.dumps({"n": 10002, "doc": doc}).encode(), OLA) is theirs
    report = tmp_path / "report.html"
    report.write_text(f"<td>{doc.get('text') or doc.get('address') or ''}</td>")
    assert files.names(report, OLA) is (theirs and not {"text", "address"}.isdisjoint(doc))


def test_whoever_has_a_longer_name_and_address_is_left_alone(tmp_path):
    story = Story(tmp_path)
    invoice, neighbour = (
        canary(story),
        story.customer(name="Kanari Fuglesang", address="Burgata 412", phone="409900012"),
    )
    other = story.receivable(6000, customer=neighbour)
    story.night()
    story.erp.pay(invoice, 8000)
    story.quiet(2)

    def landed():
        return [
            line
            for spool in files.spools(story.data / story.slug)
            for line in zstandard.ZstdDecompressor().stream_reader(spool.read_bytes()).read().splitlines()
            if b"Burgata 412" in line
        ]

    before = landed()
    (done,) = erase(story, invoice.customer.number, note="Kanari Fuglesang asked for somebody else")
    assert landed() == before != []
    assert done.still_named_in == ()
    ends_equal(story, other)


def test_what_others_are_writing_is_left_alone_and_what_was_left_is_not(tmp_path):
    story, invoice, _ = collected(tmp_path)
    folder, now = story.data / story.slug, story.world.now.timestamp()
    written = {folder / "published" / "journal.person-1.partial": True, folder / "reports" / ".new.html.partial": True}
    written |= {
        folder / "reports" / ".old.html.partial": False,
        folder / "landing" / "erp_customers" / "2026-01-06-delta.ndjson.partial": False,
        folder / "persons.partial": False,
        folder / "persons.partial.wal": False,
        folder / "spill" / "duckdb_temp_block-1.block": False,
    }
    for path in written:
        path.write_bytes(b"half")
        os.utime(path, (now, now - (2 * 24 * 3600 if path.name == ".old.html.partial" else 0)))
    (done,) = erase(story, invoice.customer.number)
    assert {path: path.exists() for path in written} == written
    assert done.removed.leftovers == 5


def test_looking_makes_no_files_of_a_company_that_never_ran(tmp_path):
    story = Story(tmp_path)
    shutil.rmtree(story.data / story.slug)
    looked = look(story)
    assert (looked.places, looked.acts) == ((), ())
    assert not (story.data / story.slug).exists()
    with pytest.raises(acts.UnknownCustomer):
        erase(story, "10002")
    assert not (story.data / story.slug).exists()


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
    assert {place.place: place.due > 0 for place in look(story).places} == {
        "persons": True, "questions": False, "spools": True, "reports": False,
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
    looked = look(story)
    assert [place.due for place in looked.places] == [0, 0, 0, 0]
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


def test_erasing_makes_no_books_at_an_agency_that_never_ran(tmp_path):
    below, above = {"below_amount": "5000"}, {"from_amount": "5000"}
    story = Agencies(tmp_path, (below, above), companies=("nordlys",))
    invoice = canary(story)
    story.night()
    story.erp.pay(invoice, 8000)
    story.quiet(2)
    shutil.rmtree(story.data / "nordlys-fjord")  # as if it had only been added to the settings
    assert len(erase(story, invoice.customer.number)) == 1
    assert not (story.data / "nordlys-fjord").exists()
