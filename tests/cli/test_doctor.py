"""The doctor on the command line: exit codes, both outputs, and settings that cannot even be loaded."""

import json
import os
import signal

import pytest

from cloudcollect_pipeline.cli.context import write_private
from cloudcollect_pipeline.sandbox.erp import DocumentType, Status
from cloudcollect_pipeline.sandbox.http import Response
from tests.cli.conftest import Command, Town


@pytest.fixture(autouse=True)
def without_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_all_well_is_code_0_and_a_table(approved: Town, cloudcollect: Command) -> None:
    books = approved.world.erp()
    books.receive("10001", 100, cash_account="1510")
    books.document("500001").payment_method = "4"
    said = cloudcollect("doctor", "--at", approved.nights[-1])
    assert said.code == 0, said.out
    for part in ("ok       ERP token", "account 1510 is an active cash account", "DAGSTER_HOME is not set"):
        assert part in said.out, part
    assert "3 skipped; 15 of 18 are well" in said.out


def test_what_needs_a_person_is_code_3_and_what_keeps_nights_from_working_code_1(
    town: Town, cloudcollect: Command
) -> None:
    at = town.night()
    warned = cloudcollect("doctor", "--at", at)
    assert warned.code == 3
    assert "→ list cash account 1510 among the allowed cash accounts of payment method 4" in warned.out
    town.world.erp().deactivate("1510")
    assert cloudcollect("doctor", "--at", at).code == 1


def test_as_json_every_setting_says_where_it_came_from(
    town: Town, cloudcollect: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = town.world.company()
    key = town.folder / "agency.key"
    write_private(key, company.api_key)
    kept = (line for line in town.file.read_text().splitlines() if not line.startswith("api_key"))
    write_private(town.file, "\n".join(kept).replace(".agency]", f'.agency]\napi_key_file = "{key.name}"'))
    monkeypatch.setenv("CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__CLIENT_SECRET", company.client_secret)
    said = cloudcollect("doctor", "--json", "--at", town.night())
    told = json.loads(said.out)
    assert (told["company"], told["exit"]) == ("nordlys", said.code)
    settings = {setting["path"]: (setting["value"], setting["origin"]) for setting in told["settings"]}
    assert settings["erp.client_secret"] == (
        "**********",
        "environment CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__CLIENT_SECRET",
    )
    assert settings["agency.api_key"] == ("**********", "secret file, by file cloudcollect.toml")
    assert settings["erp.suspense_account"] == ("1510", "file cloudcollect.toml")
    assert settings["erp.overlap_hours"] == ("6", "default")
    assert company.api_key not in said.out + said.err
    assert company.client_secret not in said.out + said.err


def test_without_a_name_every_company_is_looked_at_and_the_worst_code_counts(
    approved: Town, cloudcollect: Command
) -> None:
    books = approved.world.erp()
    books.receive("10001", 100, cash_account="1510")
    books.document("500001").payment_method = "4"
    text, at = approved.file.read_text(), approved.nights[-1]
    other = text[text.index("[companies.nordlys]") :].replace("nordlys", "fjell")
    other = other.replace('payment_method = "4"', 'payment_method = "44"').replace('tenant_id = "', 'tenant_id = "x')
    write_private(approved.file, f"{text}\n{other}")
    codes = [cloudcollect("doctor", "--company", name, "--at", at).code for name in ("nordlys", "fjell")]
    assert codes == [0, 1]
    said = cloudcollect("doctor", "--at", at)
    assert said.code == 1
    assert said.out.index("nordlys") < said.out.index("fjell")
    told = json.loads(cloudcollect("doctor", "--at", at, "--json").out)
    assert told["exit"] == 1
    assert [(each["company"], each["exit"]) for each in told["companies"]] == [("nordlys", 0), ("fjell", 1)]


def test_a_secret_that_others_may_read_is_an_error_with_its_command(town: Town, cloudcollect: Command) -> None:
    town.file.chmod(0o644)
    said = cloudcollect("doctor", "--json")
    assert said.code == 1
    checks = json.loads(said.out)["checks"]
    assert {(check["name"], check["state"], check["mend"]) for check in checks} == {
        ("secrets", "error", "run: chmod 600 cloudcollect.toml")
    }
    assert "holds companies.nordlys.erp.client_secret but others may read it" in checks[0]["found"]


def test_settings_that_cannot_be_loaded_are_told_by_the_same_table(town: Town, cloudcollect: Command) -> None:
    write_private(town.file, town.file.read_text().replace("tenant_id", "tenantid"))
    said = cloudcollect("doctor")
    assert said.code == 1
    assert "tenantid (file cloudcollect.toml) is not a setting; did you mean tenant_id?" in " ".join(said.out.split())


def test_one_way_to_mend_several_mistakes_is_told_once(town: Town, cloudcollect: Command) -> None:
    write_private(town.file, "[companies.nordlys]\n")
    said = cloudcollect("doctor")
    assert said.code == 1
    assert said.out.count("error ") == 5
    assert said.out.count("do what it says; then look again") == 1
    checks = json.loads(cloudcollect("doctor", "--json").out)["checks"]
    assert {check["mend"] for check in checks} == {"do what it says; then look again"}


def test_what_is_wrong_is_told_before_a_probes_answers_and_named_once_more_at_the_end(
    town: Town, cloudcollect: Command
) -> None:
    at = town.night()
    town.world.erp().deactivate("1510")
    said = cloudcollect("doctor", "--probe", "--at", at)
    assert said.code == 1
    assert said.out.index("account 1510 (erp.suspense_account) is inactive") < said.out.index("How large may a page be")
    assert said.out.splitlines()[-1].startswith("1 error (suspense account)")


def test_a_probe_keeps_its_answers_for_the_owner_alone_and_runs_read_them(
    approved: Town, cloudcollect: Command
) -> None:
    said = cloudcollect("doctor", "--probe", "--json", "--at", approved.nights[-1])
    told = json.loads(said.out)
    points = {point["key"]: point for point in told["points"]}
    assert points["page_size"]["value"] == "500"
    assert points["revoked"]["until_then"] == "it is honoured like an exclusion from collection"
    assert "value" not in points["revoked"]
    file = approved.data / "probed.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["tenant"] == approved.world.company().tenant_id
    shown = cloudcollect("doctor", "--at", approved.nights[-1]).out
    assert "points about the ERP are settled" in shown
    assert cloudcollect("run", "--at", approved.night()).code == 0
    file.write_text("{")
    broken = cloudcollect("run", "--at", approved.night())
    assert (broken.code, "delete it and run" in broken.err) == (1, True)


def test_a_probe_of_a_company_that_cannot_be_read_asks_nothing(town: Town, cloudcollect: Command) -> None:
    town.world.erp_api.granted_scopes = frozenset()
    said = cloudcollect("doctor", "--probe", "--at", town.night())
    assert said.code == 1
    assert "refuses the scopes" in said.out
    assert not (town.data / "probed.json").exists()


def test_a_key_that_is_no_key_is_told_also_when_a_probe_is_asked_for(town: Town, cloudcollect: Command) -> None:
    key = town.world.company().api_key
    write_private(town.file, town.file.read_text().replace(key, "two words"))
    said = cloudcollect("doctor", "--probe", "--at", town.night())
    assert said.code == 1
    assert "put the key alone where agency.api_key comes from (file cloudcollect.toml)" in " ".join(said.out.split())


def test_a_write_probe_is_refused_unless_the_company_was_made_for_tests(town: Town, cloudcollect: Command) -> None:
    said = cloudcollect("doctor", "--write-probe", "--at", town.night())
    assert said.code == 4
    assert "set companies.nordlys.test_company = true" in said.err
    assert not list(town.world.erp().documents(DocumentType.PAYMENT))


def test_a_write_probe_settles_more_and_leaves_the_books_as_they_were(town: Town, cloudcollect: Command) -> None:
    write_private(
        town.file, town.file.read_text().replace("[companies.nordlys]", "[companies.nordlys]\ntest_company = true")
    )
    said = cloudcollect("doctor", "--write-probe", "--at", town.night())
    assert said.code == 0, said.out
    assert "payments with method 4 stand on cash account 1510" in said.out
    assert "the VoidPayment must be released by itself" in said.out
    books = town.world.erp()
    assert [payment.status for payment in books.documents(DocumentType.PAYMENT)] == [Status.VOIDED]
    assert books.balance("1510") == 0
    assert books.document(town.invoice).balance == 250_000
    # a voided payment of somebody else on the account disturbs no night
    assert cloudcollect("init", "--first-run").code == 0
    assert cloudcollect("run", "--at", town.night(), "--yes").code == 0
    assert "no findings" in cloudcollect("findings", "list").out


def test_what_a_write_probe_could_not_undo_is_an_error_that_names_it(town: Town, cloudcollect: Command) -> None:
    write_private(
        town.file, town.file.read_text().replace("[companies.nordlys]", "[companies.nordlys]\ntest_company = true")
    )
    town.world.erp_faults.add("status_before", "POST", "/action/void", status=500, count=9)
    said = cloudcollect("doctor", "--write-probe", "--at", town.night())
    assert said.code == 1
    assert "not undone: payment 500001 of one krone on invoice" in " ".join(said.out.split())


def test_a_write_probe_that_is_told_to_end_undoes_what_it_made_and_says_that_it_was_interrupted(
    town: Town, cloudcollect: Command
) -> None:
    write_private(
        town.file, town.file.read_text().replace("[companies.nordlys]", "[companies.nordlys]\ntest_company = true")
    )

    def told_to_end(answer: Response) -> Response:
        os.kill(os.getpid(), signal.SIGTERM)
        return answer

    town.world.erp_faults.add("mutate", "POST", "/action/release", mutate=told_to_end)
    said = cloudcollect("doctor", "--write-probe", "--at", town.night())
    assert said.code == 1
    assert "it was interrupted" in said.out
    assert "not undone" not in said.out
    assert town.world.erp().document(town.invoice).balance == 250_000
