"""The archive for an auditor: whole, hashed, without names, and the same every time."""

import hashlib
import json
import zipfile
from pathlib import Path

from cloudcollect_pipeline.dispatch.verify import seal
from cloudcollect_pipeline.reporting.audit import write_archive
from cloudcollect_pipeline.reporting.published import snapshot
from tests.reporting.conftest import NAME, Weeks


def archive(
    weeks: Weeks, path: Path, first: int = 0, last: int = -1
) -> tuple[dict, dict[str, list[dict]], zipfile.ZipFile]:
    nights = sorted(weeks.books)
    with snapshot(weeks.story.settings, weeks.story.slug) as seen:
        write_archive(seen.ledger, seen.journal, weeks.story.slug, nights[first], nights[last], path)
    opened = zipfile.ZipFile(path)
    rows = {
        name: [json.loads(line) for line in opened.read(name).splitlines()]
        for name in opened.namelist()
        if name.endswith(".jsonl")
    }
    return json.loads(opened.read("manifest.json")), rows, opened


def test_the_manifest_names_every_file_with_its_hash_and_rows(weeks: Weeks, tmp_path: Path):
    manifest, rows, opened = archive(weeks, tmp_path / "a.zip")
    assert set(opened.namelist()) == {*manifest["files"], "manifest.json"}
    for name, file in manifest["files"].items():
        assert hashlib.sha256(opened.read(name)).hexdigest() == file["sha256"]
        assert len(rows[name]) == file["rows"] > 0
    assert manifest["journal"]["broken"] is None


def test_the_events_are_sealed_up_to_the_seal_of_the_manifest(weeks: Weeks, tmp_path: Path):
    manifest, rows, _ = archive(weeks, tmp_path / "a.zip", 1, 3)
    journal, before = manifest["journal"], manifest["journal"]["seal_before"]
    for event in rows["events.jsonl"]:
        text = json.dumps(event["data"], sort_keys=True, ensure_ascii=False)
        before = seal(before, event["seq"], event["at"], event["kind"], event["subject"], text)
        assert before == event["hash"]
    assert before == journal["seal"]
    assert journal["first_seq"] > 1


def test_only_the_nights_asked_for_are_in_it(weeks: Weeks, tmp_path: Path):
    nights = [night.isoformat() for night in sorted(weeks.books)]
    _, rows, _ = archive(weeks, tmp_path / "a.zip", 2, 3)
    for name in ("plans.jsonl", "receipts.jsonl", "vouchers.jsonl", "statements.jsonl"):
        assert {row["night"] for row in rows[name]} <= set(nights[2:4]), name
    assert {row["night"] for row in rows["statements.jsonl"]} == set(nights[2:4])


def test_receipts_carry_the_other_sides_id_and_vouchers_their_lines(weeks: Weeks, tmp_path: Path):
    _, rows, _ = archive(weeks, tmp_path / "a.zip")
    assert all(row["remote_id"] for row in rows["receipts.jsonl"] if row["state"] == "confirmed")
    for voucher in rows["vouchers.jsonl"]:
        assert sum(line["amount"] for line in voucher["details"]["lines"]) == 0


def test_the_same_nights_give_the_same_bytes_and_no_names(weeks: Weeks, tmp_path: Path):
    _, _, opened = archive(weeks, tmp_path / "a.zip")
    archive(weeks, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert not any(NAME.encode() in opened.read(name) for name in opened.namelist())
