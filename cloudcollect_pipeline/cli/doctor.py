"""`doctor`: is a company set up for its nights? What is wrong, where it came from, and how to mend it."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from rich.markup import escape

from cloudcollect_pipeline.agency import cloud_collect, debitura
from cloudcollect_pipeline.agency.cloud_collect.client import declared_capabilities
from cloudcollect_pipeline.agency.port import Agency, AgencyCapabilities
from cloudcollect_pipeline.alerts.receivers import receivers
from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import BLOCKED, ERROR, NEEDS_A_PERSON, OK, Stop
from cloudcollect_pipeline.cli.screen import say, say_json, say_table, table, working
from cloudcollect_pipeline.connection import reach
from cloudcollect_pipeline.dispatch.lock import company_lock
from cloudcollect_pipeline.doctor import access, results
from cloudcollect_pipeline.doctor.access import Credentials
from cloudcollect_pipeline.doctor.check import Check, error, ok, skipped, warning
from cloudcollect_pipeline.doctor.examine import Patient, examine
from cloudcollect_pipeline.doctor.results import Result
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.domain.errors import CounterpartyError
from cloudcollect_pipeline.erp import visma_net
from cloudcollect_pipeline.erp.port import Erp
from cloudcollect_pipeline.erp.visma_net import probe as probing
from cloudcollect_pipeline.erp.visma_net import write_probe
from cloudcollect_pipeline.erp.visma_net.unconfirmed import POINTS
from cloudcollect_pipeline.settings import (
    AgencySettings,
    ErpSettings,
    News,
    Setting,
    Settings,
    SettingsError,
    is_loopback,
    origins,
)

PATIENCE = 5.0
"""Seconds that a write probe waits for a run to end."""
HASTY: Mapping[str, Any] = {"timeout": 15.0, "deadline": 30.0, "read_attempts": 1}
"""One attempt and a short wait, for a person who looks on."""
SECRETS = ("erp.client_secret", "agency.api_key")
VISMA_NET = "visma_net"
ONLY_VISMA_NET = "what is asked of a tenant is about Visma.net; this ERP is another one"
NOBODYS = "DOCTOR000000000"
"""A reference under which no agency holds anything: to look for it shows whether we are let in."""
STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class Told:
    """What there is to tell of one company; `known` are a probe's answers, where it was asked."""

    company: str
    checks: Sequence[Check]
    settings: Sequence[Setting] = ()
    known: Mapping[str, Result] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The exit code of its worst check."""
        states = {check.state for check in self.checks}
        return ERROR if "error" in states else NEEDS_A_PERSON if "warning" in states else OK

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        told = {
            "company": self.company,
            "exit": self.code,
            "checks": [asdict(check) for check in self.checks],
            "settings": [setting._asdict() for setting in self.settings],
        }
        if not self.known:
            return told
        return {**told, "points": [{**asdict(p), **_answer(self.known.get(p.key))} for p in POINTS]}


def _answer(result: Result | None) -> dict[str, Any]:
    return {} if result is None else result._asdict()


def run(slug: str | None, at: str | None, *, probe: bool, write: bool, as_json: bool) -> int:
    """Look at a company, or all; 0 all well, 3 something for a person, 1 something that keeps nights from working.

    `probe` asks the ERP what is unconfirmed about it first, `write` also by writes that are undone.
    """
    try:
        settings = context.settings(demo=False)
    except SettingsError as wrong:
        return _tell([Told(slug or "", [_wrong_setting(problem) for problem in wrong.problems])], as_json=as_json)
    names = list(settings.companies) if slug is None and not write else [context.company(settings, slug)]
    told = [_told(settings, name, at, probe=probe, write=write, as_json=as_json) for name in names]
    return _tell(told, as_json=as_json)


def _told(settings: Settings, name: str, at: str | None, *, probe: bool, write: bool, as_json: bool) -> Told:
    company = settings.companies[name]
    clock = context.clock(at, company)
    if write and not company.test_company:
        raise Stop(
            f"--write-probe is refused: {name} is not marked as a company made for tests; "
            f"only for one that is, set companies.{name}.test_company = true",
            BLOCKED,
        )
    checks: list[Check] = []
    with working(f"doctor {name}", aloud=not as_json) as progress:
        if probe or write:
            progress("probe", "what is unconfirmed about the ERP")
            checks += ask(settings, name, clock, write=write)
        for check in look(settings, name, clock):
            checks.append(check)
            progress(check.state, check.name)
    known = results.load(settings.data_dir / name, company.erp.tenant_id) if probe or write else {}
    return Told(name, checks, _own(origins(settings), name), known)


def ask(settings: Settings, slug: str, clock: Clock, transport: object = None, *, write: bool) -> list[Check]:
    """Ask the ERP what is unconfirmed and keep its answers.

    Returns what kept a write probe from its end, and what it left for a person to undo. An interruption ends it in
    order: what was made is undone first.

    Nothing is asked of a company that cannot be read: the checks say why. `transport` as in `look`.
    """
    company, folder = settings.companies[slug], settings.data_dir / slug
    if company.erp.adapter != VISMA_NET:
        return [skipped("probe", ONLY_VISMA_NET)]
    try:
        credentials, web = visma_net.line(company.erp, clock, transport, **HASTY)
    except ValueError:
        return []
    tenant, checks = company.erp.tenant_id, list[Check]()
    offset = clock.now().astimezone(ZoneInfo(company.erp.time_zone)).utcoffset() or timedelta(0)
    try:
        erp = visma_net.adapter(company.erp, web)
        if access.company(erp)[1] is None:
            return []
        asked = probing.ask(web, erp.settings, offset, company.currency, clock)
        results.keep(folder, tenant, {key: (told.value, told.says) for key, told in asked}, clock.now(), "reads")
        if write:
            # No night may run meanwhile: it would meet a payment that is not its own.
            tried = write_probe.Tried()
            with company_lock(folder, context.who(), clock, patience=PATIENCE), _asked_to_end_as_by_a_key():
                try:
                    write_probe.try_out(erp, web, company.currency, clock, offset, tried)
                except (KeyboardInterrupt, CounterpartyError) as failure:
                    checks = [error("write probe", str(failure) or "it was interrupted", "ask again")]
            written = {key: (told.value, told.says) for key, told in tried.settled.items()}
            results.keep(folder, tenant, written, clock.now(), "writes")
            mend = "undo it in the ERP, then look again"
            checks += [error("write probe", f"not undone: {what}", mend) for what in tried.left]
    finally:
        web.close()
        credentials.close()
    return checks


@contextmanager
def _asked_to_end_as_by_a_key() -> Iterator[None]:
    """SIGTERM like Ctrl-C: what was made must be undone first."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def look(settings: Settings, slug: str, clock: Clock, transport: object = None) -> Iterator[Check]:
    """Every check of one company. `transport` stands in for the network in tests (httpx)."""
    company = settings.companies[slug]
    known = results.load(settings.data_dir / slug, company.erp.tenant_id)
    own = {setting.path: setting.origin for setting in _own(origins(settings), slug)}
    yield _settings(own)
    yield ok("secrets", "; ".join(f"{path} from {own[path]}" for path in SECRETS))
    yield data_folder(settings.data_dir / slug)
    with ExitStack() as opened:
        side, mend = "agency", f"put the key alone where agency.api_key comes from ({own['agency.api_key']})"
        try:
            ask_agency, agency_skew = _agency(company.agency, clock, transport, opened)
            side = "ERP"
            mend = f"correct erp.base_url, erp.token_url, or what erp.client_secret holds ({own['erp.client_secret']})"
            erp, credentials = _erp(company.erp, clock, transport, known, opened)
        except SettingsError as wrong:
            yield error("adapters", "; ".join(wrong.problems), "correct it in the settings, or install the adapter")
            return
        except ValueError as wrong:  # a key that no header could carry
            yield error(side, str(wrong), mend)
            return
        yield from examine(
            Patient(
                settings=company,
                origins=own,
                credentials=credentials,
                scopes=visma_net.SCOPES,
                erp=erp,
                ask_agency=ask_agency,
                skews=lambda: (erp.clock_skew, agency_skew()),
                refusal=_refusal(known, company.erp),
                clock=clock,
                today=night_of(clock.now()),
            )
        )
    yield unconfirmed(known) if company.erp.adapter == VISMA_NET else skipped("unconfirmed", ONLY_VISMA_NET)
    home = os.environ.get("DAGSTER_HOME")
    yield schedule(slug, list(settings.companies), home)
    yield alerts(settings, slug, home)


def _agency(
    settings: AgencySettings, clock: Clock, transport: object, opened: ExitStack
) -> tuple[Callable[[], AgencyCapabilities], Callable[[], timedelta | None]]:
    """What asks the agency once, and what tells its clock. An adapter from elsewhere is asked through its port."""
    if settings.adapter == "cloud_collect":
        web = cloud_collect.line(settings, clock, transport, **HASTY)
        opened.callback(web.close)
        return lambda: declared_capabilities(web), lambda: web.clock_skew
    if settings.adapter == "debitura":
        way = debitura.line(settings, clock, transport, **HASTY)
        opened.callback(way.close)
        return partial(_by_port, debitura.adapter(settings, way, clock)), lambda: way.clock_skew
    agency, close, _ = reach("cloudcollect.agency", settings.adapter)(settings, clock, transport, {})
    opened.callback(close)
    return partial(_by_port, agency), lambda: None


def _by_port(agency: Agency) -> AgencyCapabilities:
    agency.find([NOBODYS])
    return agency.capabilities


def _erp(
    settings: ErpSettings, clock: Clock, transport: object, known: Mapping[str, Result], opened: ExitStack
) -> tuple[Erp, Credentials | None]:
    """The ERP's adapter, and its credentials where they can be looked at by themselves."""
    if settings.adapter == VISMA_NET:
        credentials, web = visma_net.line(settings, clock, transport, **HASTY)
        opened.callback(credentials.close)
        opened.callback(web.close)
        return visma_net.adapter(settings, web), credentials
    told = {key: result.value for key, result in known.items()}
    erp, close, _ = reach("cloudcollect.erp", settings.adapter)(settings, clock, transport, told)
    opened.callback(close)
    return erp, None


def _refusal(known: Mapping[str, Result], erp: ErpSettings) -> str | None:
    """What a write probe met when it used the payment method; empty if it was accepted, None if never tried."""
    pair = write_probe.pair_of(erp.payment_method, erp.suspense_cash_account)
    value = known["payment_method"].value if "payment_method" in known else ""
    if value == f"{pair} {write_probe.ACCEPTED}":
        return ""
    refused = f"{pair} {write_probe.REFUSED}: "
    return value.removeprefix(refused) if value.startswith(refused) else None


def unconfirmed(known: Mapping[str, Result]) -> Check:
    """What has been found out about the ERP, and whether any of it asks for a person."""
    name = "unconfirmed"
    settled = {key: result for key, result in known.items() if result.value}
    if not settled:
        found = f"none of {len(POINTS)} points about the ERP has been asked; each has a safe behaviour until then"
        return skipped(name, found, "run `cloudcollect doctor --probe`; it reads only")
    troubles = [settled[p.key].says for p in POINTS if p.key in settled and settled[p.key].value in p.trouble]
    if troubles:
        return warning(
            name, "; ".join(troubles), "look at it in the ERP before nights are run; see docs/unconfirmed.md"
        )
    return ok(name, f"{len(settled)} of {len(POINTS)} points about the ERP are settled, the others behave safely")


def data_folder(folder: Path) -> Check:
    """Persons and the journal lie in it: nobody else may read it."""
    name = "data folder"
    if not folder.exists():
        return ok(name, "it is made by the first night")
    if os.name == "posix" and folder.stat().st_mode & 0o077:
        return warning(name, f"others on this machine may read {folder}", f"run: chmod 700 {folder}")
    return ok(name, f"only you may read {folder}")


def schedule(slug: str, slugs: Sequence[str], home: str | None) -> Check:
    """Whether Dagster starts the nights by itself."""
    name = "schedule"
    if not home:
        found = "DAGSTER_HOME is not set: there is no Dagster to ask whether the schedule is on"
        return skipped(name, found, "set DAGSTER_HOME to the folder of Dagster's dagster.yaml and look again")
    if not Path(home).is_dir():
        found = f"DAGSTER_HOME names {home}, which is no folder"
        return error(name, found, "set DAGSTER_HOME to the folder of Dagster's dagster.yaml")
    from dagster import DagsterError

    from cloudcollect_pipeline.orchestration.jobs import job_name
    from cloudcollect_pipeline.orchestration.schedules import schedule_state

    try:
        state = schedule_state(job_name(slug, "nightly", slugs))
    except DagsterError as failure:
        found = f"Dagster's instance in {home} cannot be opened: {str(failure).splitlines()[0]}"
        return error(name, found, f"correct {home}/dagster.yaml")
    if not state.on:
        mend = f"turn {state.name} on in Dagster's UI (Automation), or run: dagster schedule start {state.name}"
        return warning(name, f"the schedule {state.name} is stopped: no night starts by itself", mend)
    if not state.daemon:
        found = f"the schedule {state.name} is on, but Dagster's daemon does not run: no night starts by itself"
        return error(name, found, "start dagster-daemon (or dagster dev) as a service with the same DAGSTER_HOME")
    return ok(name, f"the schedule {state.name} is on, and Dagster's daemon runs")


def alerts(settings: Settings, slug: str, home: str | None) -> Check:
    """Whether somebody hears of a company's nights. Tells nobody anything: `cloudcollect alerts test` does."""
    name, company = "alerts", settings.companies[slug]
    wanting = {news: [r.name for r in receivers(settings.alerts) if r.wants(news, slug)] for news in get_args(News)}
    unheard = [news for news, names in wanting.items() if not names]
    if len(unheard) == len(wanting) and is_loopback(company.erp.base_url) and is_loopback(company.agency.base_url):
        return skipped(name, "nobody is told of a company whose counterparties are on this machine")
    if unheard:
        found = f"nobody is told of: {', '.join(unheard)}"
        return warning(
            name, found, "name a receiver under [alerts] in the settings, then run: cloudcollect alerts test"
        )
    if home and Path(home).is_dir():
        from dagster import DagsterError

        from cloudcollect_pipeline.orchestration.sensors import is_stopped

        with suppress(DagsterError):  # the check of the schedule says what is wrong with the instance
            if is_stopped():
                mend = "turn it on in Dagster's UI (Automation), or run: dagster sensor start alerts"
                return warning(name, "the sensor alerts is stopped in Dagster: nobody is told", mend)
    told = ", ".join(dict.fromkeys(receiver for names in wanting.values() for receiver in names))
    dead = "" if settings.alerts.health_check_url else "; without alerts.health_check_url a dead machine tells nobody"
    return ok(name, f"{told}{dead}")


def _settings(own: dict[str, str]) -> Check:
    counted = Counter("a secret file" if origin.startswith("secret file") else origin for origin in own.values())
    return ok("settings", ", ".join(f"{n} from {origin}" for origin, n in counted.most_common()))


def _own(every: Sequence[Setting], slug: str) -> list[Setting]:
    """A company's settings, named from the company on. Secrets are masked."""
    prefix = f"companies.{slug}."
    return [Setting(s.path.removeprefix(prefix), s.value, s.origin) for s in every if s.path.startswith(prefix)]


def _wrong_setting(problem: str) -> Check:
    """The loader's line says both what is wrong and how to mend it, the latter after `; run:` where it is a command."""
    found, command, mend = problem.partition("; run: ")
    if command:
        return error("secrets", found, f"run: {mend}")
    return error("settings", found, "do what it says; then look again")


def _tell(looked_at: Sequence[Told], *, as_json: bool) -> int:
    """Every company in turn, and the worst exit code of them."""
    if as_json:
        told = [each.as_json() for each in looked_at]
        say_json(told[0] if len(told) == 1 else {"exit": _worst(looked_at), "companies": told})
        return _worst(looked_at)
    for each in looked_at:
        if len(looked_at) > 1:
            say(f"[bold]{escape(each.company)}[/]")
        shown = table("", "what", "found, and how to mend it", wrap=("found, and how to mend it",))
        for check, after in zip_longest(each.checks, each.checks[1:]):
            # what mends several in a row is said once, below the last
            mend = "" if after and check.mend == after.mend else check.mend
            said = escape(check.found) + (f"\n→ {escape(mend)}" if mend else "")
            shown.add_row(f"[{STYLES[check.state]}]{check.state}[/]", check.name, said)
        say_table(shown, indent=0)
        if each.known:
            say("")
            _tell_points(each.known)
        say(_verdict(each.checks))
    return _worst(looked_at)


def _worst(looked_at: Sequence[Told]) -> int:
    codes = {each.code for each in looked_at}
    return next((code for code in (ERROR, NEEDS_A_PERSON) if code in codes), OK)


def _tell_points(known: Mapping[str, Result]) -> None:
    shown = table(
        "answer",
        "question",
        "which means; or until it is known",
        wrap=("question", "which means; or until it is known"),
    )
    for point in POINTS:
        result = known.get(point.key)
        if result is not None and result.value:
            shown.add_row(escape(result.value[:24]), escape(point.question), escape(result.says))
        else:
            why = f"{result.says}; " if result is not None else ""
            shown.add_row("?", escape(point.question), escape(f"{why}until then {point.until_then}"))
    say_table(shown, indent=0)
    say("")


def _verdict(checks: Sequence[Check]) -> str:
    """The last line, which is what stays on a screen: it names what is wrong."""
    counted = Counter(check.state for check in checks)
    told = [f"{counted[state]} {state if state == 'skipped' else state + 's' * (counted[state] > 1)}"
            for state in ("error", "warning", "skipped") if counted[state]]  # fmt: skip
    if counted["error"]:
        told[0] += f" ({', '.join(dict.fromkeys(check.name for check in checks if check.state == 'error'))})"
    return f"[bold]{', '.join(told) or 'all is well'}[/]; {counted['ok']} of {len(checks)} are well"
