"""Settings: `cloudcollect.toml`, the environment over it, and files for secrets.

What belongs here: the shape of the settings, where they come from, and what is said when they are wrong. What does
not: defaults of the demo, and anything that talks to a counterparty. Nothing is read at import.

A value in the environment is named by its path: `CLOUDCOLLECT_COMPANIES__NORDLYS__ERP__TENANT_ID`. Every secret can
stand in a file of its own instead, named by the same key with `_file` appended. Relative paths start at the folder
of `cloudcollect.toml`. An empty text counts as not given.
"""

import difflib
import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from cloudcollect_pipeline.domain.money import ore

FILE_NAME = "cloudcollect.toml"
PREFIX = "CLOUDCOLLECT_"
FILE_VARIABLE = PREFIX + "CONFIG"


class SettingsError(ValueError):
    """The settings cannot be used; one line per problem, none with a secret in it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


# --- values ----------------------------------------------------------------------------------------------------------


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("must be an address without spaces or special characters")
    parts = urlsplit(text)
    _ = parts.port  # raises for a port that is not one
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address like https://host/path")
    if "@" in parts.netloc:
        raise ValueError("must not carry a user name or password")
    if parts.scheme == "http" and not is_loopback(text):
        raise ValueError("must be https; plain http is allowed only to this machine (127.0.0.1)")
    return text


def _url(text: str) -> str:
    if "?" in text or "#" in text:
        raise ValueError("must not carry a query or fragment")
    return _address(text).rstrip("/")


def _hidden_address(text: SecretStr) -> SecretStr:
    return SecretStr(_address(text.get_secret_value()))


def _email_address(text: str) -> str:
    if not text.isascii() or not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", text):
        raise ValueError("must be an e-mail address such as name@company.no, alone and without a name")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"is not a time zone, such as Europe/Oslo{_near(name, available_timezones())}") from None
    return name


def _money(amount: Decimal) -> Decimal:
    ore(amount)
    return amount


def _day(value: Any) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("must be a date such as 2026-12-01")


def _split(value: Any) -> Any:
    """A list may be written `NOK, EUR` where only text fits."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Url = Annotated[str, AfterValidator(_url)]
SecretAddress = Annotated[SecretStr, AfterValidator(_hidden_address)]
EmailAddress = Annotated[str, AfterValidator(_email_address)]
Zone = Annotated[str, AfterValidator(_zone)]
SignedMoney = Annotated[Decimal, AfterValidator(_money)]
Money = Annotated[SignedMoney, Field(ge=0)]
Day = Annotated[date, BeforeValidator(_day)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
AfterTransfer = Literal["ask", "pause", "recall"]
OnceReduced = Literal["report", "ask", "recall"]
Keeper = Literal["creditor", "agency"]
News = Literal["morning", "failure", "approval", "freshness"]
"""What somebody can be told: how the night went, a failure, a plan that waits for approval, a night that is missing."""


# --- the shape -------------------------------------------------------------------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class ErpSettings(_Section):
    """Where the customer ledger lives."""

    adapter: Slug = "visma_net"
    """Which ERP: visma_net, or the name under which another adapter is installed."""
    base_url: Url = Field(examples=["https://api.finance.visma.net"])
    """Address of its API."""
    token_url: Url = Field(examples=["https://connect.visma.com/connect/token"])
    """Address that gives access tokens."""
    tenant_id: Text
    """The company's own tenant id, not the customer's."""
    client_id: Text
    """Application registered for this integration."""
    client_secret: SecretStr
    """Its secret."""
    time_zone: Zone = "Europe/Oslo"
    """Zone of the ERP's clock."""
    suspense_cash_account: Text
    """Cash account on which agency payments are posted, such as 1510."""
    suspense_account: Text
    """General-ledger account behind that cash account, such as 1510."""
    payment_method: Text
    """Payment method allowed on that cash account."""
    branch: Text | None = None
    """Branch to post on, where the company has several."""
    overlap_hours: int = Field(default=6, ge=0, le=168)
    """How far each reading reaches back behind the last one."""
    page_size: int = Field(default=500, ge=1, le=1000)
    """Records asked for at a time."""
    parallel: int = Field(default=4, ge=1, le=32)
    """Pages under way at once."""
    answer_seconds: float = Field(default=300, gt=0, le=3600)
    """Longest that one answer may take from first to last byte."""
    ledger: Text = "1"
    """The ERP's id of the general ledger."""
    case_type: Text = "Inkasso"
    """Case type shown on the invoice beside the case number."""
    business_classes: Annotated[tuple[Text, ...], BeforeValidator(_split)] = ()
    """Customer classes that are businesses even without an organisation number."""
    background: Literal["never", "long"] = "never"
    """Whether long reads (everything at first, ledger movements) are asked for in the background."""
    options: dict[str, str] = {}
    """What an adapter from elsewhere needs beyond this."""


class AgencySettings(_Section):
    """Where the claims are collected."""

    id: Slug
    """Short name, part of every reference: never change it."""
    adapter: Slug = "cloud_collect"
    """Which format the agency speaks: cloud_collect, debitura, or the name under which another adapter is installed."""
    base_url: Url
    """Address of its API."""
    api_key: SecretStr
    """Key of this creditor."""
    unallocated: Literal["review", "principal"] = "review"
    """What a payment is that the agency did not split: held for a person, or principal where that is agreed."""
    answer_seconds: float = Field(default=300, gt=0, le=3600)
    """Longest that one answer may take from first to last byte."""
    options: dict[str, str] = {}
    """What an adapter from elsewhere needs beyond this."""


class RouteSettings(_Section):
    """Which receivables are this agency's, where a company has several; empty takes all."""

    countries: Annotated[tuple[Text, ...], BeforeValidator(_split)] = ()
    """Debtors' countries (ISO codes)."""
    debtors: Literal["all", "business", "private"] = "all"
    """Businesses, private persons, or both."""
    from_amount: Money = Decimal(0)
    """Smallest original amount."""
    below_amount: Money | None = None
    """Original amounts below this."""


class PolicySettings(_Section):
    """Which receivables are transferred, and what happens to them afterwards."""

    require_dunning: bool = True
    """Transfer only what the ERP's dunning has picked."""
    min_dunning_level: int = Field(default=1, ge=1)
    """Dunning level from which a receivable is picked."""
    grace_days: int = Field(default=14, ge=0)
    """Full days to wait after the due date; 14 is the law's wait before a reminder may carry a fee."""
    banking_days: int = Field(default=1, ge=0)
    """The banking day after those on which it is transferred at the earliest, for money under way; 1 is the first."""
    min_amount: Money = Decimal(100)
    """Smallest balance to transfer."""
    currencies: Annotated[tuple[Currency, ...], BeforeValidator(_split), Field(min_length=1)] = ("NOK",)
    """Currencies to transfer."""
    debit_notes: bool = False
    """Whether debit notes are transferred too."""
    attach_pdf: bool = True
    """Whether the invoice's PDF goes along."""
    excluded_after_transfer: AfterTransfer = "pause"
    """What a receivable excluded after its transfer does to the claim."""
    routed_away_after_transfer: Literal["keep", "ask", "pause", "recall"] = "keep"
    """What a receivable that the route now gives to another agency does to the claim; recalled, it can go there."""
    disputed_after_transfer: AfterTransfer = "pause"
    """What a dispute does to the claim."""
    credited_after_transfer: OnceReduced = "report"
    """What a receivable credited in full does beyond being reported as a credit: interest and fees may be left."""
    written_off_after_transfer: OnceReduced = "report"
    """What a receivable written off in full does beyond being reported; a write-off alone never recalls."""
    write_off_tolerance: Money = Decimal(1)
    """Largest write-off reported without asking a person."""
    payout_days: int = Field(default=14, ge=0)
    """Days after its date within which a settlement's payout should have reached the bank."""
    settle_days: int = Field(default=90, ge=0)
    """Days after which money the agency has received should have been settled."""


class CapSettings(_Section):
    """When a plan is too large to be carried out unseen."""

    factor: float = Field(default=3, ge=1, allow_inf_nan=False)
    """Times the median of the last 20 nights."""
    floor_count: int = Field(default=50, ge=0)
    """Effects of a kind that always pass."""
    floor_sum: Money = Decimal(500_000)
    """Sum of a kind that always passes."""
    single_amount: Money = Decimal(250_000)
    """Largest single effect that always passes."""
    few_rows_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the records a source should list, by what we wrote there, below which it is suspect."""


class AccountChange(_Section):
    """Terms of the settlement voucher that change on a day; what is not named stays as it was."""

    valid_from: Day
    """First booking date for which they count (yyyy-MM-dd)."""
    payout_clearing: Text | None = None
    interest_income: Text | None = None
    fee_income: Text | None = None
    commission_cost: Text | None = None
    expense_cost: Text | None = None
    input_vat: Text | None = None
    input_vat_code: Text | None = None
    rounding: Text | None = None
    rounding_tolerance: Money | None = None
    interest_kept_by: Keeper | None = None
    fees_kept_by: Keeper | None = None
    fees_booked: Literal["gross", "net"] | None = None
    vat_registered: bool | None = None
    settlement_voucher: Literal["released", "draft"] | None = None


class OpeningItem(_Section):
    """Money at the agency on the day of go-live that stands in the suspense account already."""

    entry: Text
    """The agency's id of the entry."""
    customer: Text
    """Customer number in the ERP."""
    amount: SignedMoney
    """Principal, kroner."""
    value_date: Day
    """Day the agency received it (yyyy-MM-dd)."""


class AccountSettings(_Section):
    """Accounts of the settlement voucher, and where the suspense account stood at go-live."""

    opening_balance: SignedMoney = Decimal(0)
    """Suspense account at go-live; debit positive."""
    opening_items: tuple[OpeningItem, ...] = ()
    """What it consists of, signed off, as [[...accounts.opening_items]] tables: entry, customer, amount, value_date."""
    payout_clearing: Text
    """Takes the payout until the bank line meets it; not the bank account itself."""
    interest_income: Text
    """Interest the agency passes on, such as 8050."""
    fee_income: Text
    """Fees the agency passes on, such as 3900."""
    commission_cost: Text
    """The agency's commission, such as 7770."""
    expense_cost: Text
    """Expenses the agency charges, such as 7770."""
    input_vat: Text
    """Deductible VAT on them, such as 2711."""
    input_vat_code: Text | None = None
    """VAT code of that line, where the ERP wants one."""
    rounding: Text
    """Differences of a few øre, such as 7740."""
    rounding_tolerance: Money = Decimal(0)
    """Largest difference between a settlement's net and its terms that is booked there, with a finding; 0: none."""
    interest_kept_by: Keeper = "creditor"
    """Who keeps the interest debtors pay."""
    fees_kept_by: Keeper = "agency"
    """Who keeps the fees debtors pay."""
    fees_booked: Literal["gross", "net"] = "gross"
    """gross books income and the agency's costs apart; net books their difference as fee income."""
    vat_registered: bool = True
    """Whether the creditor deducts VAT; if not, it is part of the commission's cost."""
    settlement_voucher: Literal["released", "draft"] = "released"
    """Whether settlement vouchers are released, or left as drafts for a person to release."""
    changes: tuple[AccountChange, ...] = ()
    """Later terms, as [[...accounts.changes]] tables: valid_from, the first booking date, and what changes then."""

    @model_validator(mode="after")
    def _opening_items_add_up(self) -> Self:
        listed = sum((item.amount for item in self.opening_items), Decimal(0))
        if self.opening_items and listed != self.opening_balance:
            raise ValueError(f"opening_items add up to {listed}, opening_balance is {self.opening_balance}")
        return self

    @property
    def payout_accounts(self) -> tuple[str, ...]:
        """Every account that payouts are, or were, expected on."""
        return tuple(sorted({self.payout_clearing, *(c.payout_clearing for c in self.changes if c.payout_clearing)}))

    def on(self, day: date) -> Self:
        """The settings that count for a settlement booked on a day."""
        changed = self
        for change in sorted(self.changes, key=lambda change: change.valid_from):
            if change.valid_from <= day:
                changed = changed.model_copy(update=change.model_dump(exclude_none=True, exclude={"valid_from"}))
        return changed


class CompanySettings(_Section):
    """One creditor: one company tenant of the ERP and its agency."""

    name: Text
    """The company's name."""
    mode: Literal["automatic", "approval"] = "approval"
    """automatic sends a plan that is within its caps at once; approval always waits for a person."""
    go_live: Day
    """First day; older receivables are never transferred (yyyy-MM-dd)."""
    first_night: Day = date(2026, 1, 1)
    """First night of its schedule: Dagster offers nights from here on (yyyy-MM-dd)."""
    currency: Currency = "NOK"
    """Currency of the books."""
    test_company: bool = False
    """Whether the company was made for tests: only there may `doctor --write-probe` write."""
    erp: ErpSettings
    agency: AgencySettings
    route: RouteSettings = RouteSettings()
    policy: PolicySettings = PolicySettings()
    caps: CapSettings = CapSettings()
    accounts: AccountSettings

    @model_validator(mode="after")
    def _payout_leaves_the_suspense_account(self) -> Self:
        if self.accounts.payout_clearing == self.erp.suspense_account:
            raise ValueError("accounts.payout_clearing must not be the suspense account itself")
        return self


class ReceiverSettings(_Section):
    """Somebody who is told: what, and of whom."""

    wants: Annotated[tuple[News, ...], BeforeValidator(_split), Field(min_length=1)] = get_args(News)
    """What it is told."""
    companies: Annotated[tuple[Slug, ...], BeforeValidator(_split)] = ()
    """Of which companies; empty is all."""


class EmailSettings(ReceiverSettings):
    """Alerts by e-mail, as many as there are groups of people to tell."""

    host: Text
    """Mail server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    """none is allowed only to this machine."""
    sender: EmailAddress
    """Address alerts come from."""
    recipients: Annotated[tuple[EmailAddress, ...], BeforeValidator(_split), Field(min_length=1)]
    """Addresses alerts go to."""
    username: Text | None = None
    """User at the mail server, where it wants one."""
    password: SecretStr | None = None
    """Its password."""

    @model_validator(mode="after")
    def _in_the_open_only_at_home(self) -> Self:
        if self.encryption == "none" and not is_loopback(f"http://{self.host}"):
            raise ValueError("encryption must be starttls or tls, except to this machine")
        return self


class HookSettings(ReceiverSettings):
    """Somebody behind a secret address."""

    url: SecretAddress
    """It."""


class SlackSettings(HookSettings):
    """Alerts to a Slack channel."""

    url: SecretAddress
    """Its incoming webhook."""


class TeamsSettings(HookSettings):
    """Alerts to a Teams channel or chat."""

    url: SecretAddress
    """Address of its workflow that posts when a webhook request is received."""


class WebhookSettings(HookSettings):
    """Alerts to a program of your own."""

    url: SecretAddress
    """Address that takes JSON, amounts in øre."""


class AlertSettings(_Section):
    """Who is told every morning, of failures, plans that wait and nights that are missing; off until filled in."""

    language: Literal["en", "nb"] = "en"
    """Language of the messages."""
    ui_url: Url | None = None
    """Address under which their readers open Dagster's UI, for links; empty leaves links out."""
    health_check_url: SecretAddress | None = None
    """Address pinged after each night, as Healthchecks.io has it: /fail is appended when one failed."""
    email: dict[Slug, EmailSettings] = {}
    slack: dict[Slug, SlackSettings] = {}
    teams: dict[Slug, TeamsSettings] = {}
    webhook: dict[Slug, WebhookSettings] = {}


class ReportSettings(_Section):
    """The workbook and the page of each night."""

    languages: Annotated[tuple[Literal["en", "nb"], ...], BeforeValidator(_split), Field(min_length=1)] = ("en", "nb")
    """Languages they are written in."""
    url: Url | None = None
    """Address under which the data folder's reports are served, for links; empty shows where the files are."""


class MachineSettings(_Section):
    """What one company's night may take of the machine; what needs more memory is written to its folder meanwhile."""

    memory_limit: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,5} ?(MB|GB)$")] | None = None
    """Memory of its ledger, such as 500MB; empty is an eighth of the machine's, at most 1 GB."""
    threads: int | None = Field(default=None, ge=1, le=256)
    """Threads of its ledger; empty is one for a small ledger and all cores for a large one."""


class PrivacySettings(_Section):
    """How long what names people is kept; `cloudcollect privacy retain` removes what is older."""

    spool_days: int = Field(default=30, ge=1)
    """Days that landed records are kept as received."""
    person_days: int = Field(default=180, ge=1)
    """Days that a customer's name and address are kept after anything of theirs last changed, if nothing is open."""
    report_days: int = Field(default=400, ge=1)
    """Days that workbooks and pages are kept; each can be made again by `reconcile`, with the names still kept."""


class LogSettings(_Section):
    """How runs tell what they do."""

    format: Literal["plain", "json"] = "plain"
    """plain is for people; json is one object a line: time (UTC), level, company, run, stage, text."""


class Settings(_Section):
    """Everything a person decides."""

    data_dir: Path = Path("data")
    """Folder of all that the pipeline writes."""
    alerts: AlertSettings = AlertSettings()
    reports: ReportSettings = ReportSettings()
    machine: MachineSettings = MachineSettings()
    privacy: PrivacySettings = PrivacySettings()
    log: LogSettings = LogSettings()
    companies: Annotated[dict[Slug, CompanySettings], Field(min_length=1)]

    _origins: dict[tuple[str, ...], str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _names_stay_apart(self) -> Self:
        if len({slug.replace("-", "_") for slug in self.companies}) < len(self.companies):
            raise ValueError("two companies' short names differ only in - and _")
        for slug, company in self.companies.items():
            for other in self.siblings(slug):
                theirs = self.companies[other]
                for what in ("suspense_cash_account", "suspense_account"):
                    if getattr(company.erp, what) == getattr(theirs.erp, what):
                        raise ValueError(f"{slug} and {other} share a tenant and need an erp.{what} each")
                if company.agency.id == theirs.agency.id:
                    raise ValueError(f"{slug} and {other} share a tenant and need an agency.id each")
        return self

    @model_validator(mode="after")
    def _receivers_know_their_companies(self) -> Self:
        alerts = self.alerts
        for kind in ("email", "slack", "teams", "webhook"):
            for name, receiver in getattr(alerts, kind).items():
                for slug in receiver.companies:
                    if slug not in self.companies:
                        near = _near(slug, self.companies)
                        raise ValueError(f"alerts.{kind}.{name}.companies names {slug}, which is no company{near}")
        return self

    def siblings(self, slug: str) -> list[str]:
        """Other companies of the settings over the same ERP tenant: the same creditor at another agency."""
        erp = self.companies[slug].erp
        return sorted(
            other for other, company in self.companies.items() if other != slug and _same_tenant(company.erp, erp)
        )


def _same_tenant(one: ErpSettings, other: ErpSettings) -> bool:
    """Whether two companies are one in the ERP, however their settings spell it."""
    told = ((str(each.base_url).rstrip("/").casefold(), each.tenant_id.casefold()) for each in (one, other))
    return len({*told}) == 1


# --- loading ---------------------------------------------------------------------------------------------------------

_Path = tuple[str, ...]


class _Leaf(NamedTuple):
    value: Any
    origin: str
    rank: int  # 0 file, 1 environment


class Setting(NamedTuple):
    """One value in force, for people: secrets are masked."""

    path: str
    value: str
    origin: str


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file: the argument, `CLOUDCOLLECT_CONFIG`, or `cloudcollect.toml` here; None if there is none."""
    if path is not None:
        return path
    if named := environ.get(FILE_VARIABLE):
        return Path(named).expanduser()
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else None


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from the file and the environment; `SettingsError` lists all that is wrong."""
    file = find_file(path, environ)
    if file is None:
        raise SettingsError([f"there is no {FILE_NAME} here; `cloudcollect init` writes one"])
    leaves = _from_file(file)
    leaves |= _from_environment(environ, _slugs(leaves))
    problems = _resolve_secrets(leaves, file)
    try:
        settings = Settings.model_validate(_nested(leaves))
    except ValidationError as error:
        problems += _explain(error, file, leaves)
    if problems:
        raise SettingsError(problems)
    settings = settings.model_copy(update={"data_dir": _beside(file, settings.data_dir)})
    settings._origins.update({path: leaf.origin for path, leaf in leaves.items()})
    return settings


def first_nights(path: Path | None, environ: Mapping[str, str]) -> dict[str, date]:
    """The companies' short names and the first night of each, in the file's order. Reads no secret.

    A first night that is no date is left to `load` to tell: here the default stands for it.
    """
    file = find_file(path, environ)
    leaves = _from_file(file) if file else {}
    default: date = CompanySettings.model_fields["first_night"].default
    told = {slug: leaves.get(("companies", slug, "first_night")) for slug in _slugs(leaves)}
    return {slug: _date_or(leaf.value, default) if leaf else default for slug, leaf in told.items()}


def _date_or(value: Any, default: date) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return default


def origins(settings: Settings) -> list[Setting]:
    """Every value in force and whether it came from the file, the environment, a secret file or the default."""
    return [
        Setting(".".join(path), _shown(value), settings._origins.get(path, "default"))
        for path, value in _flat(settings.model_dump())
        if value != {}
    ]


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _beside(file: Path, path: Path) -> Path:
    return file.absolute().parent / path.expanduser()


def _from_file(file: Path) -> dict[_Path, _Leaf]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise SettingsError([f"{file} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file} is not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file} is not TOML: {error}"]) from None
    return {path: _Leaf(value, f"file {file.name}", 0) for path, value in _flat(tree) if value != ""}


def _slugs(leaves: Mapping[_Path, _Leaf]) -> list[str]:
    return list(dict.fromkeys(path[1] for path in leaves if path[0] == "companies" and len(path) > 1))


def _from_environment(environ: Mapping[str, str], slugs: Iterable[str]) -> dict[_Path, _Leaf]:
    """Variables that name a setting: those with `__`, and the few settings of the top level."""
    by_variable = {slug.replace("-", "_"): slug for slug in slugs}
    leaves = {}
    for name, value in environ.items():
        path = name.removeprefix(PREFIX).lower().split("__")
        if not name.startswith(PREFIX) or not value or (len(path) == 1 and path[0] not in Settings.model_fields):
            continue
        if path[0] == "companies" and len(path) > 1:
            path[1] = by_variable.get(path[1], path[1])
        leaves[tuple(path)] = _Leaf(value, f"environment {name}", 1)
    return leaves


def _flat(tree: Mapping[str, Any], path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """Every section (as an empty one) and every value, by path."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield (*path, key), {}
            yield from _flat(value, (*path, key))
        else:
            yield (*path, key), value


def _nested(leaves: Mapping[_Path, _Leaf]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(leaves, key=len):
        node: Any = tree
        for key in path[:-1]:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if isinstance(node, dict):  # else a value stands where a section should, which validation tells
            value = leaves[path].value
            node[path[-1]] = {} if value == {} else value
    return tree


def _resolve_secrets(leaves: dict[_Path, _Leaf], file: Path) -> list[str]:
    """Replace each `secret_file` by the file's content; the environment wins over the settings file."""
    problems = []
    for path in [path for path in leaves if _is_secret(path)]:
        if leaves[path].rank == 0 and _is_open(file):
            problems.append(f"{file} holds {'.'.join(path)} but others may read it; run: chmod 600 {file}")
    for path in [path for path in leaves if path[-1].endswith("_file") and _is_secret(_without_suffix(path))]:
        named, target = leaves.pop(path), _without_suffix(path)
        given = leaves.get(target)
        if given is not None and given.rank == named.rank:
            problems.append(f"{'.'.join(path)} and {'.'.join(target)} are both set; keep one")
        elif given is None or named.rank > given.rank:
            try:
                leaves[target] = named._replace(
                    value=_read_secret(_beside(file, Path(str(named.value)))), origin=f"secret file, by {named.origin}"
                )
            except SettingsError as error:
                problems += [f"{'.'.join(path)}: {problem}" for problem in error.problems]
                leaves[target] = named._replace(value="https://unread")  # valid, so that only the cause is told
    return problems


def _without_suffix(path: _Path) -> _Path:
    return (*path[:-1], path[-1].removesuffix("_file"))


def _read_secret(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError([f"{file} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file} is not UTF-8 text"]) from None
    if _is_open(file):
        raise SettingsError([f"others may read {file}; run: chmod 600 {file}"])
    if not text:
        raise SettingsError([f"{file} is empty"])
    return text


def _is_open(file: Path) -> bool:
    return os.name == "posix" and bool(file.stat().st_mode & 0o077)


# --- what is said about it -------------------------------------------------------------------------------------------

_SHORT_NAME = "must have only a-z, 0-9 and single - or _ between them"


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _section_in(field: FieldInfo) -> type[BaseModel] | None:
    """The section a field holds, be it optional or one of many."""
    return next(
        (kind for kind in _parts(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)), None
    )


def _section_at(path: _Path) -> type[BaseModel] | None:
    """The section at a path; None where a value, nothing, or a list of named sections stands."""
    section: type[BaseModel] | None = Settings
    keys = iter(path)
    for key in keys:
        field = section.model_fields.get(key) if section else None
        section = _section_in(field) if field else None
        if field and _is_named(field) and next(keys, None) is None:
            return None
    return section


def _is_named(field: FieldInfo) -> bool:
    """Whether a field holds sections by name, as `companies` does."""
    return get_origin(field.annotation) is dict and _section_in(field) is not None


def _hides(field: FieldInfo) -> bool:
    return SecretStr in _parts(field.annotation)


def _is_secret(path: _Path) -> bool:
    section = _section_at(path[:-1])
    return section is not None and path[-1] in section.model_fields and _hides(section.model_fields[path[-1]])


def _near(word: str, words: Iterable[str]) -> str:
    by_lower = {other.lower(): other for other in words}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[found[0]]}?" if found else ""


def _explain(error: ValidationError, file: Path, leaves: Mapping[_Path, _Leaf]) -> list[str]:
    problems = []
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        leaf = leaves.get(path)
        where = f" ({leaf.origin})" if leaf and leaf.value != {} else ""
        said = _say(detail["type"], detail["msg"], path, file)
        problems.append(f"{'.'.join(path) or file.name}{where} {said}")
    return problems


def _say(kind: str, message: str, path: _Path, file: Path) -> str:
    match kind:
        case "missing" | "too_short" if path == ("companies",):
            return f"names no company; add a section [companies.my_company] to {file.name}"
        case "missing" if _section_at(path):
            return f"is missing; add a section [{'.'.join(path)}] to {file.name}"
        case "missing":
            return f"is missing; {_how_to_set(path, file)}"
        case "extra_forbidden":
            section = _section_at(path[:-1])
            fields = section.model_fields.items() if section else ()
            known = [name for key, field in fields for name in ((key, f"{key}_file") if _hides(field) else (key,))]
            return f"is not a setting{_near(path[-1], known)}"
        case "string_pattern_mismatch":
            return "must be three capital letters, such as NOK" if "[A-Z]" in message else _SHORT_NAME
        case "dict_type" | "model_type" | "model_attributes_type":
            return "must be a section"
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return message.replace("Input should be", "must be", 1)


def _how_to_set(path: _Path, file: Path) -> str:
    variable = PREFIX + "__".join(path).upper().replace("-", "_")
    section = f" under [{'.'.join(path[:-1])}]" if path[:-1] else ""
    as_file = f", or name a file with it as {path[-1]}_file" if _is_secret(path) else ""
    return f"set it in {file.name}{section} or as {variable}{as_file}"


# --- the template ----------------------------------------------------------------------------------------------------


def template(company: str = "my_company") -> str:
    """A `cloudcollect.toml` to fill in, made from the models above."""
    return "\n".join(
        (
            "# Settings of cloudcollect_pipeline: fill in what is empty. A line commented out shows the default.",
            "# Each can also come from the environment, named by its path: " + PREFIX + "DATA_DIR,",
            f"# {PREFIX}COMPANIES__{company.upper().replace('-', '_')}__ERP__TENANT_ID, and so on.",
            "# Secrets stand in files of their own that you alone may read (chmod 600), or in the environment.",
            *_written(Settings, (), company, off=""),
            "",
        )
    )


def _written(section: type[BaseModel], path: _Path, company: str, off: str) -> Iterator[str]:
    """Lines of a section and those below it; `off` is the comment sign of an optional one."""
    yield from ("", f"# {section.__doc__}")
    if path:
        yield f"{off}[{'.'.join(path)}]"
    below = []
    for key, field in section.model_fields.items():
        if field.default != () and (inner := _section_in(field)):
            named = (company if key == "companies" else "finance",) if _is_named(field) else ()
            below.append((inner, (*path, key, *named), off or ("# " if field.default in (None, {}) else "")))
            continue
        if field.default == {}:
            continue  # an adapter from elsewhere says what belongs here
        name = f"{key}_file" if _hides(field) else key
        prefilled = field.examples[0] if field.examples else ""
        value = prefilled if field.is_required() or field.default is None else field.default
        yield f"{off or ('' if field.is_required() else '# ')}{name} = {_toml(value)}  # {field.description}"
    for inner, inner_path, inner_off in below:
        yield from _written(inner, inner_path, company, inner_off)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
