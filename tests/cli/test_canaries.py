"""Every debtor is a canary: after nights full of trouble nothing that is not made for persons holds a word of one.

Nor does anything but the settings hold a secret.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.orchestration.build import build_definitions
from cloudcollect_pipeline.orchestration.clock import SANDBOX_VARIABLE
from cloudcollect_pipeline.sandbox.agency.books import Claim
from cloudcollect_pipeline.sandbox.erp.documents import Document
from cloudcollect_pipeline.sandbox.http import Response
from cloudcollect_pipeline.sandbox.serve import serve, settings_toml
from cloudcollect_pipeline.sandbox.world import World
from tests.cli.conftest import FIRST, Command

FOR_PERSONS = ("persons.duckdb", "cloudcollect.toml")
"""Files that are made for persons or secrets, beside what was landed and the reports for finance."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Aviary:
    """A world of canaries."""

    world: World
    folder: Path
    debtors: list[Document] = field(default_factory=list)
    nights: int = 0

    def claim(self, number: int) -> Claim:
        claim = self.world.agency.claim_for("nordlys", self.debtors[number].number)
        assert claim is not None
        return claim

    def night(self) -> str:
        at = FIRST + timedelta(days=self.nights)
        self.nights += 1
        self.world.advance(at)
        return at.isoformat()


def words(number: int) -> tuple[str, ...]:
    """What only this debtor has."""
    return (f"Kanari{number:02}", f"kanari{number:02}@", f"Burgata {40 + number}", f"4099{number:04}")


def debtor(world: World, number: int) -> Document:
    books = world.erp()
    name, mail, street, phone = words(number)
    card = books.add_customer(
        name=f"{name} Fugl", business=False, address=street, postal_code="0155", city="Oslo",
        email=f"{mail}example.no", phone=phone,
    )  # fmt: skip
    due = FIRST.date() - timedelta(days=40)
    return books.invoice(card, 250_000 + number, due - timedelta(days=14), due)


@pytest.fixture
def aviary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aviary]:
    monkeypatch.chdir(tmp_path)
    world = World.empty(FIRST - timedelta(hours=4))
    made = Aviary(world, tmp_path, [debtor(world, number) for number in range(12)])
    world.erp().run_dunning(world.today)
    world.go_live = FIRST.date() - timedelta(days=200)
    with serve(world) as servers:
        file = tmp_path / "cloudcollect.toml"
        write_private(file, settings_toml(world, servers))
        monkeypatch.setenv("CLOUDCOLLECT_CONFIG", str(file))
        monkeypatch.setenv(SANDBOX_VARIABLE, servers.erp_url)
        yield made


def troubles(aviary: Aviary) -> Iterator[None]:
    """Night by night: whatever may quote a debtor does."""
    world, erp, agency = aviary.world, aviary.world.erp(), aviary.world.agency
    name, mail, street, phone = words(0)
    told = f"{name} Fugl, {street}, 0155 Oslo, {mail}example.no, {phone} is not wanted"
    quoted = json.dumps({"message": told, "code": ""}).encode()
    world.agency_faults.add("status_before", "POST", r"/v1/claims$", status=422, body=quoted)
    world.agency_faults.add("lost_after", "POST", r"/v1/claims$")
    yield
    for number in (2, 3):
        agency.receive(aviary.claim(number), 70_000)
    agency.question(aviary.claim(4), f"Is {words(4)[0]} at {words(4)[2]} the right debtor?")
    agency.dispute(aviary.claim(5))
    world.erp_faults.add("status_before", "POST", r"customerpayment$", status=400, body=quoted)
    world.erp_faults.add("status_before", "PUT", r"customerinvoice", status=400, body=quoted)
    yield
    erp.write_off(aviary.debtors[6].number, 50_000)
    erp.pay(aviary.debtors[7].number, 250_000)
    world.agency_faults.add("html", "GET", "/entries", count=20)
    world.erp_faults.add("mutate", "GET", r"customerinvoice$", count=2, mutate=_broken)
    world.erp_faults.add("mutate", "GET", r"/customer$", count=2, mutate=_broken)
    yield
    erp.exclude(aviary.debtors[8], True)
    world.erp_faults.add("status_before", "GET", "customerPayment", status=403, body=quoted)
    yield
    world.erp_faults.clear()
    world.agency_faults.clear()
    yield


def _broken(answer: Response) -> Response:
    """A list in which no amount and no e-mail address is one."""
    text = answer.body.decode().replace('"balance": ', '"balance": "Kanari99', 1).replace("@example.no", "", 1)
    return Response(answer.status, answer.headers, text.encode())


def test_no_artefact_that_is_not_made_for_persons_names_one(
    aviary: Aviary, cloudcollect: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("dagster")
    said = []

    def call(*arguments: str) -> None:
        told = cloudcollect(*arguments)
        said.append(f"{arguments}\n{told.out}\n{told.err}")

    call("init", "--first-run")
    at = ""
    for _ in troubles(aviary):
        at = aviary.night()
        call("run", "--at", at, "--yes")
    numbers = [document.number for document in aviary.debtors]
    for json_or_not in ((), ("--json",)):
        for words_ in (
            ("status",), ("plan",), ("findings", "list"), ("reconcile", at[:10]), ("doctor", "--at", at),
            ("privacy", "report"), ("journal", "verify"),
            ("export-audit", "2026-01-01", "2026-01-31"), *(("explain", n) for n in numbers),
        ):  # fmt: skip
            call(*words_, *json_or_not)
    call("doctor", "--probe", "--at", at)
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        for faulty in (True, False):
            at = aviary.night()
            if faulty:
                aviary.world.agency.receive(aviary.claim(9), 1000)
                aviary.world.erp_faults.add("status_before", "GET", "customerPayment", status=403, body=b"Kanari09")
            job = build_definitions().resolve_job_def("nightly")
            done = job.execute_in_process(
                instance=instance, tags={"dagster/partition": at[:10]}, run_config=QUIET, raise_on_error=False
            )
            assert done.success != faulty

    company = aviary.folder / "data" / "nordlys"
    assert _told(list(_tables(company / "persons.duckdb"))), "the canaries are there to be found"
    assert (company / "landing").is_dir()
    artefacts = {"what commands said": "\n".join(said).encode()}
    for path in sorted([*aviary.folder.rglob("*"), *home.rglob("*")]):
        artefacts[f"the name of {path.name}"] = str(path).encode()
        landed = company / "landing" in path.parents
        if path.is_file() and not landed and path.name not in FOR_PERSONS and path.suffix not in (".xlsx", ".html"):
            artefacts.update(_contents(path))
    assert any(name.endswith(".zip: manifest.json") for name in artefacts)
    assert any(path.endswith(".db") for path in artefacts)
    assert len([name for name in artefacts if "ledger.duckdb" in name]) > 20
    secrets = [s.encode().lower() for c in aviary.world.companies.values() for s in (c.client_secret, c.api_key)]
    secrets += [token.encode().lower() for token in aviary.world.erp_api._tokens]
    assert len(secrets) > 3
    assert all(secret in (aviary.folder / "cloudcollect.toml").read_bytes().lower() for secret in secrets[:2])
    found = {name: told for name, content in artefacts.items() if (told := _told([content]))}
    assert found == {}
    assert [name for name, content in artefacts.items() for secret in secrets if secret in content.lower()] == []


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and what stands within a database or an archive, where it may be compressed."""
    yield str(path), path.read_bytes()
    if path.suffix == ".duckdb":
        for number, content in enumerate(_tables(path)):
            yield f"{path}: {number}", content
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            for name in archive.namelist():
                yield f"{path}: {name}", archive.read(name)


def _tables(path: Path) -> Iterator[bytes]:
    with duckdb.connect(str(path), read_only=True) as db:
        for (name,) in db.execute("select table_name from duckdb_tables() order by 1").fetchall():
            yield repr(db.execute(f'from "{name}"').fetchall()).encode()


def _told(contents: list[bytes]) -> list[str]:
    """Which words of canaries stand there, as text or as JSON escapes it."""
    everything = b"\n".join(contents).lower()
    wanted = {word.lower() for number in (*range(12), 99) for word in words(number)}
    return sorted(word for word in wanted if word.encode() in everything)
