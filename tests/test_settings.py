"""Settings: what is accepted, where a value came from, and what is said about every mistake."""

import re
import stat
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcollect_pipeline.settings import (
    CompanySettings,
    Settings,
    SettingsError,
    find_file,
    first_nights,
    is_loopback,
    load,
    origins,
    template,
)

SECRET = "hunter2-do-not-show"

GOOD = f"""
[companies.nordlys]
name = "Nordlys Energi AS"
go_live = 2026-11-01

[companies.nordlys.erp]
base_url = "http://127.0.0.1:8001/"
token_url = "http://127.0.0.1:8001/connect/token"
tenant_id = "tenant-1"
client_id = "client-1"
client_secret = "{SECRET}"
suspense_cash_account = 1510
suspense_account = "1510"
payment_method = "INKASSO"

[companies.nordlys.agency]
id = "inkasso"
base_url = "https://agency.example/api"
api_key = "{SECRET}"

[companies.nordlys.policy]
min_amount = 100.10

[companies.nordlys.accounts]
payout_clearing = "1579"
interest_income = "8050"
fee_income = "3900"
commission_cost = "7770"
expense_cost = "7771"
input_vat = "2711"
rounding = "7740"
"""


def write(folder: Path, text: str = GOOD, mode: int = 0o600, name: str = "cloudcollect.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def company(folder: Path, text: str = GOOD, environ: dict[str, str] | None = None) -> CompanySettings:
    return load(write(folder, text), environ or {}).companies["nordlys"]


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(write(folder, text), environ or {})
    assert SECRET not in str(caught.value)
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1, "one line per problem"
    return caught.value.problems


# --- accepted --------------------------------------------------------------------------------------------------------


def test_a_file_with_what_is_required_gets_careful_defaults(tmp_path):
    nordlys = company(tmp_path)
    assert (nordlys.mode, nordlys.currency, nordlys.go_live) == ("approval", "NOK", date(2026, 11, 1))
    assert nordlys.erp.base_url == "http://127.0.0.1:8001"
    assert nordlys.erp.suspense_cash_account == "1510"
    assert nordlys.policy.min_amount == Decimal("100.10")
    assert (nordlys.policy.grace_days, nordlys.policy.banking_days, nordlys.policy.currencies) == (14, 1, ("NOK",))
    assert (nordlys.caps.floor_count, nordlys.caps.single_amount) == (50, Decimal(250_000))
    assert nordlys.accounts.interest_kept_by == "creditor"


def test_the_data_folder_lies_beside_the_file(tmp_path):
    assert load(write(tmp_path), {}).data_dir == tmp_path / "data"
    assert load(write(tmp_path), {"CLOUDCOLLECT_DATA_DIR": "/var/cloudcollect"}).data_dir == Path("/var/cloudcollect")


@pytest.mark.parametrize(
    ("variable", "value", "section", "key", "expected"),
    [
        ("MODE", "automatic", None, "mode", "automatic"),
        ("GO_LIVE", "2026-12-24", None, "go_live", date(2026, 12, 24)),
        ("ERP__TENANT_ID", "other", "erp", "tenant_id", "other"),
        ("ERP__PAGE_SIZE", "50", "erp", "page_size", 50),
        ("POLICY__CURRENCIES", "NOK, EUR", "policy", "currencies", ("NOK", "EUR")),
        ("POLICY__REQUIRE_DUNNING", "false", "policy", "require_dunning", False),
        ("POLICY__MIN_AMOUNT", "0", "policy", "min_amount", Decimal(0)),
        ("ACCOUNTS__OPENING_BALANCE", "-12.50", "accounts", "opening_balance", Decimal("-12.50")),
        ("POLICY__MIN_AMOUNT", "", "policy", "min_amount", Decimal("100.10")),
    ],
)
def test_the_environment_wins_over_the_file_unless_empty(tmp_path, variable, value, section, key, expected):
    nordlys = company(tmp_path, environ={f"CLOUDCOLLECT_COMPANIES__NORDLYS__{variable}": value})
    assert getattr(getattr(nordlys, section) if section else nordlys, key) == expected


def test_a_company_with_a_hyphen_is_found_by_its_variable(tmp_path):
    environ = {"CLOUDCOLLECT_COMPANIES__NORD_LYS__NAME": "Other"}
    settings = load(write(tmp_path, GOOD.replace("companies.nordlys", "companies.nord-lys")), environ)
    assert {slug: company.name for slug, company in settings.companies.items()} == {"nord-lys": "Other"}


def test_variables_that_name_no_setting_are_left_alone(tmp_path):
    environ = {"CLOUDCOLLECT_SERVICE_HOST": "10.0.0.1", "CLOUDCOLLECT_CONFIG": "x"}
    assert company(tmp_path, environ=environ) == company(tmp_path)


@pytest.mark.parametrize("named_by", ["file", "environment"])
def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path, named_by):
    write(tmp_path, "from the file\n", name="secret")
    if named_by == "file":
        nordlys = company(tmp_path, GOOD.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "secret"'))
    else:
        nordlys = company(tmp_path, environ={"CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__CLIENT_SECRET_FILE": "secret"})
    assert nordlys.erp.client_secret.get_secret_value() == "from the file"


def test_a_secret_in_the_environment_wins_over_a_secret_file(tmp_path):
    text = GOOD.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "absent"')
    nordlys = company(tmp_path, text, {"CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__CLIENT_SECRET": "direct"})
    assert nordlys.erp.client_secret.get_secret_value() == "direct"


ALERTS = """
[alerts.slack.finance]
url = "https://chat.example/hook?sig=abc"
[alerts.teams.finance]
url = "https://flows.example/paths/invoke?sig=abc"
[alerts.webhook.own]
url = "http://127.0.0.1:9/hook"
wants = "failure, freshness"
[alerts.email.finance]
host = "127.0.0.1"
port = 2525
encryption = "none"
sender = "a@b"
recipients = ["c@d"]
companies = ["nordlys"]
"""


def test_alerts_are_off_until_filled_in_and_then_receivers_have_names(tmp_path):
    off = load(write(tmp_path), {}).alerts
    assert (off.slack, off.teams, off.webhook, off.email) == ({}, {}, {}, {})
    alerts = load(write(tmp_path, ALERTS + GOOD), {}).alerts
    assert alerts.slack["finance"].url.get_secret_value().endswith("?sig=abc")
    assert alerts.slack["finance"].wants == ("morning", "failure", "approval", "freshness")
    assert alerts.webhook["own"].wants == ("failure", "freshness")
    assert alerts.email["finance"].recipients == ("c@d",)


def test_a_receivers_address_is_a_secret_that_may_stand_in_a_file_or_the_environment(tmp_path):
    write(tmp_path, f"https://chat.example/{SECRET}\n", name="hook")
    text = ALERTS.replace('url = "https://chat.example/hook?sig=abc"', 'url_file = "hook"') + GOOD
    settings = load(
        write(tmp_path, text), {"CLOUDCOLLECT_ALERTS__TEAMS__FINANCE__URL": f"https://flows.example/{SECRET}"}
    )
    assert settings.alerts.slack["finance"].url.get_secret_value().endswith(SECRET)
    assert settings.alerts.teams["finance"].url.get_secret_value().endswith(SECRET)
    told = {setting.path: setting for setting in origins(settings)}
    assert told["alerts.slack.finance.url"].origin == "secret file, by file cloudcollect.toml"
    assert SECRET not in str(told)
    with pytest.raises(SettingsError, match=r"holds alerts.webhook.own.url but others may read it"):
        load(write(tmp_path, text, 0o644), {})


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('recipients = ["c@d"]', 'recipients = "Someone <c@d>"', "alerts.email.finance.recipients.0 must be an e-mail"),
        ('wants = "failure, freshness"', 'wants = "fail"', "alerts.webhook.own.wants.0 must be 'morning', 'failure'"),
        ('companies = ["nordlys"]', 'companies = ["nordlyss"]', "which is no company; did you mean nordlys?"),
        ("[alerts.slack.finance]", "[alerts.slak.finance]", "alerts.slak is not a setting; did you mean slack?"),
        ('url = "http://127.0.0.1:9/hook"', "", "is missing; set it in cloudcollect.toml under [alerts.webhook.own]"),
        ("[alerts.slack.finance]", "[alerts.slack]", "alerts.slack.url (file cloudcollect.toml) must be a section"),
    ],
)
def test_mistakes_about_receivers_are_told(tmp_path, good, bad, said):
    assert any(said in line for line in problems(tmp_path, ALERTS.replace(good, bad) + GOOD))


def test_the_companies_names_alone_need_neither_secrets_nor_complete_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert first_nights(None, {}) == {}
    write(tmp_path, "[companies.b]\nfirst_night = 2026-02-03\n[companies.a.erp]\nclient_secret_file = 'absent'")
    assert first_nights(None, {}) == {"b": date(2026, 2, 3), "a": date(2026, 1, 1)}
    write(tmp_path, "[companies.b]\nfirst_night = 'soon'")
    assert first_nights(None, {}) == {"b": date(2026, 1, 1)}  # `load` says what is wrong with it


# --- where a value came from -----------------------------------------------------------------------------------------


def test_every_value_tells_where_it_came_from_and_secrets_stay_hidden(tmp_path):
    write(tmp_path, SECRET, name="key")
    text = GOOD.replace(f'api_key = "{SECRET}"', 'api_key_file = "key"')
    told = {
        setting.path.removeprefix("companies.nordlys."): (setting.value, setting.origin)
        for setting in origins(load(write(tmp_path, text), {"CLOUDCOLLECT_COMPANIES__NORDLYS__MODE": "automatic"}))
    }
    assert told["name"] == ("Nordlys Energi AS", "file cloudcollect.toml")
    assert told["mode"] == ("automatic", "environment CLOUDCOLLECT_COMPANIES__NORDLYS__MODE")
    assert told["policy.grace_days"] == ("14", "default")
    assert told["erp.client_secret"][1] == "file cloudcollect.toml"
    assert told["agency.api_key"][1] == "secret file, by file cloudcollect.toml"
    assert SECRET not in str(told)


def test_a_secret_is_never_in_the_text_of_the_settings(tmp_path):
    settings = load(write(tmp_path), {})
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('tenant_id = "tenant-1"', "", r"companies\.nordlys\.erp\.tenant_id is missing; set it in cloudcollect\.toml"
         r" under \[companies\.nordlys\.erp\] or as CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__TENANT_ID"),
        ('"tenant-1"', '""', r"erp\.tenant_id is missing"),
        (f'api_key = "{SECRET}"', "", r"agency\.api_key is missing; .*or name a file with it as api_key_file"),
        ("go_live = 2026-11-01", "", r"nordlys\.go_live is missing; .* under \[companies\.nordlys\]"),
        ("tenant_id =", "tennant_id =", r"tennant_id \(file .*\) is not a setting; did you mean tenant_id\?"),
        (f'api_key = "{SECRET}"', 'api_key_fil = "x"', r"is not a setting; did you mean api_key_file\?"),
        ("nordlys.policy", "nordlys.polcy", r"companies\.nordlys\.polcy is not a setting; did you mean policy\?"),
        ("[companies.nordlys]", "[company]\n[companies.nordlys]", r"company is not a setting; .* mean companies\?"),
        ("companies.nordlys", "companies.Nordlys", r"companies\.Nordlys must have only a-z"),
        ("companies.nordlys", "companies.nord__lys", r"companies\.nord__lys must have only a-z"),
        ('id = "inkasso"', 'id = "Inkasso AS"', r"agency\.id .*must have only a-z"),
        ("[companies.nordlys.policy]", '[companies.nordlys.policy]\ncurrencies = ["kr"]', r"three capital letters"),
        ("2026-11-01", '"1 November"', r"go_live \(file .*\) must be a date such as"),
        ("2026-11-01", "20261101", r"go_live .*must be a date such as"),
        ("2026-11-01", "2026-11-01T00:00:00", r"go_live .*must be a date such as"),
        ("100.10", "100.123", r"min_amount .*at most two decimals"),
        ("100.10", "nan", r"min_amount .*must be a finite number"),
        ("100.10", "-1", r"min_amount .*must be greater than or equal to 0"),
        ("100.10", '"much"', r"min_amount .*must be a valid decimal"),
        ("https://agency.example/api", "http://agency.example/api", r"agency\.base_url .*must be https; plain http"),
        ("https://agency.example/api", "http://127.0.0.1.example/", r"must be https"),
        ("https://agency.example/api", "http://127.0.0.1@agency.example/", r"must not carry a user name"),
        ("https://agency.example/api", "http://127.0.0.1\\\\@agency.example/", r"special characters"),
        ("https://agency.example/api", "https://agency.example/?key=1", r"must not carry a query"),
        ("https://agency.example/api", "https://agency.example:port/", r"agency\.base_url .*[Pp]ort"),
        ("https://agency.example/api", "agency.example", r"must be an address like"),
        ('id = "inkasso"', 'id = "inkasso"\nadapter = "Other!"', r"adapter "),
        ('client_id = "client-1"', 'client_id = "c"\ntime_zone = "Europe/Osslo"', r"zone.*did you mean Europe/Oslo\?"),
        ('client_id = "client-1"', 'client_id = "c"\ntime_zone = "../../etc/passwd"', r"is not a time zone"),
        ('client_id = "client-1"', 'client_id = "c"\npage_size = 0', r"page_size .*greater than or equal to 1"),
        ('payout_clearing = "1579"', 'payout_clearing = "1510"', r"must not be the suspense account itself"),
        ("[companies.nordlys.policy]\nmin_amount = 100.10", "[companies.nordlys]\npolicy = 3", r"is not TOML"),
        ("go_live = 2026-11-01", "go_live = 2026-11-01\ncaps = 3", r"companies\.nordlys\.caps .*must be a section"),
        ("name =", "name", r"is not TOML: .*line 3"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_to_do(tmp_path, old, new, said):
    text = GOOD.replace(old, new)
    assert text != GOOD
    found = problems(tmp_path, text)
    assert [line for line in found if re.search(said, line)], found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "companies names no company; add a section [companies.my_company] to cloudcollect.toml"),
        ("[companies]", "companies names no company"),
        ("companies = 3", "companies (file cloudcollect.toml) must be a section"),
        ("[companies.nordlys]", "companies.nordlys.erp is missing; add a section [companies.nordlys.erp]"),
    ],
)
def test_a_file_without_a_whole_company_is_refused(tmp_path, text, said):
    assert any(line.startswith(said) for line in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("COMPANIES__NORDLYS__ERP__TENNANT_ID", "did you mean tenant_id?"),
        ("COMPANIES__NORDLYS__ERP__PAGE_SIZE", "(environment CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__PAGE_SIZE) must be"),
        ("COMPANYS__NORDLYS__NAME", "did you mean companies?"),
        ("COMPANIES__NORDLYS__ERP", "must be a section"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(tmp_path, variable, said):
    found = problems(tmp_path, GOOD, {f"CLOUDCOLLECT_{variable}": "x"})
    assert any(said in line for line in found), found


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace('tenant_id = "tenant-1"', "").replace('id = "inkasso"', "").replace("100.10", "-1")
    assert len(problems(tmp_path, text)) == 3


def test_two_companies_must_differ_in_more_than_the_separator(tmp_path):
    text = "".join(GOOD.replace("nordlys", slug) for slug in ("nord-lys", "nord_lys"))
    assert any("differ only in - and _" in line for line in problems(tmp_path, text))


def test_mail_in_the_open_is_refused_except_to_this_machine(tmp_path):
    mail = '[alerts.email.it]\nhost = "mail.example"\nencryption = "none"\nsender = "a@b"\nrecipients = "c@d"\n'
    assert any("encryption must be starttls or tls" in line for line in problems(tmp_path, mail + GOOD))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_secrets_that_others_may_read_are_refused(tmp_path, mode):
    write(tmp_path, SECRET, mode, name="secret")
    text = GOOD.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "secret"')
    (line,) = problems(tmp_path, text)
    assert line.endswith(f"others may read {tmp_path}/secret; run: chmod 600 {tmp_path}/secret")

    file = write(tmp_path, GOOD, mode)
    with pytest.raises(SettingsError, match=r"holds companies.nordlys.erp.client_secret but others may read it"):
        load(file, {})
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b" \n", "is empty"), (b"\xff\xfe", "is not UTF-8 text")]
)
def test_a_secret_file_that_holds_no_secret_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
        (tmp_path / "secret").chmod(0o600)
    text = GOOD.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "secret"')
    (line,) = problems(tmp_path, text)
    assert line.startswith("companies.nordlys.erp.client_secret_file: ")
    assert said in line


def test_a_secret_given_twice_is_refused(tmp_path):
    text = GOOD.replace("client_id", 'client_secret_file = "secret"\nclient_id')
    (line,) = problems(tmp_path, text)
    assert line.endswith("are both set; keep one")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "cloudcollect.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(tmp_path / "cloudcollect.toml", {})


# --- which file ------------------------------------------------------------------------------------------------------


def test_the_file_is_the_argument_then_the_variable_then_the_one_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_file(None, {}) is None
    with pytest.raises(SettingsError, match=r"there is no cloudcollect.toml here; `cloudcollect init` writes one"):
        load(None, {})
    write(tmp_path)
    assert find_file(None, {}) == Path("cloudcollect.toml")
    assert find_file(None, {"CLOUDCOLLECT_CONFIG": "other.toml"}) == Path("other.toml")
    assert find_file(Path("third.toml"), {"CLOUDCOLLECT_CONFIG": "other.toml"}) == Path("third.toml")
    with pytest.raises(SettingsError, match=r"other.toml cannot be read: No such file"):
        load(None, {"CLOUDCOLLECT_CONFIG": "other.toml"})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8001/x", True),
        ("http://127.8.9.10/", True),
        ("http://localhost", True),
        ("http://LOCALHOST:1", True),
        ("http://[::1]:80/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://127.0.0.1@host.example/", False),
        ("http://0.0.0.0/", False),
        ("http://10.0.0.1/", False),
        ("http://[::1/", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_else(url, expected):
    assert is_loopback(url) is expected


# --- the template ----------------------------------------------------------------------------------------------------


def keys_of(text: str) -> set[str]:
    """Dotted keys of a TOML text."""

    def walk(tree: dict[str, object], path: str) -> set[str]:
        return {
            name
            for key, value in tree.items()
            for name in (walk(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"})
        }

    return walk(tomllib.loads(text), "")


def commented_in(text: str) -> str:
    return re.sub(r"^# (?=\w+ = |\[)", "", text, flags=re.MULTILINE)


def test_the_template_has_every_setting_and_nothing_else(tmp_path):
    alerts = ALERTS.replace("webhook.own", "webhook.finance")
    in_force = {setting.path for setting in origins(load(write(tmp_path, alerts + GOOD), {}))}
    written = {
        re.sub(r"\b(client_secret|api_key|health_check_url|url|password)_file$", r"\1", key)
        for key in keys_of(commented_in(template("nordlys")))
    }
    assert written == in_force


def test_the_template_loads_once_its_blanks_are_filled(tmp_path):
    text = template("nordlys")
    with pytest.raises(SettingsError, match="is missing"):
        load(write(tmp_path, text), {})
    write(tmp_path, SECRET, name="secret")
    filled = (
        text.replace('go_live = ""', "go_live = 2026-12-01")
        .replace('\nid = ""', '\nid = "inkasso"')
        .replace('\nbase_url = ""', '\nbase_url = "https://agency.example"')
    )
    filled = re.sub(r'^(\w+_file) = ""', r'\1 = "secret"', filled, flags=re.MULTILINE)
    filled = re.sub(r'^(\w+) = ""', r'\1 = "\1"', filled, flags=re.MULTILINE)
    nordlys = load(write(tmp_path, filled), {}).companies["nordlys"]
    assert nordlys.erp.client_secret.get_secret_value() == SECRET


def test_a_default_shown_in_the_template_is_the_default(tmp_path):
    defaults = tomllib.loads(commented_in(template("nordlys")))["companies"]["nordlys"]
    nordlys = load(write(tmp_path, GOOD.replace("min_amount = 100.10", "")), {}).companies["nordlys"]
    for section in ("policy", "caps"):
        shown = {key: tuple(value) if isinstance(value, list) else value for key, value in defaults[section].items()}
        assert getattr(nordlys, section).model_dump() == shown


def test_settings_can_be_built_by_code_without_reading_anything(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDCOLLECT_DATA_DIR", "/elsewhere")
    nordlys = company(tmp_path)
    assert Settings(companies={"nordlys": nordlys}).data_dir == Path("data")
