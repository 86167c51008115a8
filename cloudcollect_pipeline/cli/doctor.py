"""`doctor`: is a company set up for its nights? What is wrong, where it came from, and how to mend it."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from cloudcollect_pipeline.agency.cloud_collect.client import declared_capabilities
from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import ERROR, NEEDS_A_PERSON, OK
from cloudcollect_pipeline.cli.screen import say, say_json, say_table, table, working
from cloudcollect_pipeline.doctor.check import Check, error, ok, skipped, warning
from cloudcollect_pipeline.doctor.examine import Patient, examine
from cloudcollect_pipeline.domain.clock import Clock, night_of
from cloudcollect_pipeline.nightly import SCOPES, open_lines, visma_net
from cloudcollect_pipeline.settings import Setting, Settings, SettingsError, origins

SECRETS = ("erp.client_secret", "agency.api_key")
STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}


def run(slug: str | None, at: str | None, *, as_json: bool) -> int:
    """Look at everything; 0 all well, 3 something for a person, 1 something that keeps nights from working."""
    try:
        settings = context.settings(demo=False)
    except SettingsError as wrong:
        return _tell(slug or "", [_wrong_setting(problem) for problem in wrong.problems], [], as_json=as_json)
    name = context.company(settings, slug)
    clock = context.clock(at, settings.companies[name])
    checks: list[Check] = []
    with working(f"doctor {name}", aloud=not as_json) as progress:
        for check in look(settings, name, clock):
            checks.append(check)
            progress(check.state, check.name)
    return _tell(name, checks, _own(origins(settings), name), as_json=as_json)


def look(settings: Settings, slug: str, clock: Clock, transport: object = None) -> Iterator[Check]:
    """Every check of one company. `transport` stands in for the network in tests (httpx)."""
    company = settings.companies[slug]
    own = {setting.path: setting.origin for setting in _own(origins(settings), slug)}
    yield _settings(own)
    yield ok("secrets", "; ".join(f"{path} from {own[path]}" for path in SECRETS))
    yield data_folder(settings.data_dir / slug)
    lines = open_lines(company, clock, transport, hasty=True)
    try:
        yield from examine(
            Patient(
                settings=company,
                origins=own,
                credentials=lines.credentials,
                scopes=SCOPES,
                erp=visma_net(company, lines.erp),
                ask_agency=lambda: declared_capabilities(lines.agency),
                skews=lambda: (lines.erp.skew, lines.agency.skew),
                refusal=None,
                clock=clock,
                today=night_of(clock.now()),
            )
        )
    finally:
        lines.close()
    yield schedule(slug, list(settings.companies), os.environ.get("DAGSTER_HOME"))


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
    from cloudcollect_pipeline.orchestration.jobs import job_name
    from cloudcollect_pipeline.orchestration.schedules import schedule_state

    state = schedule_state(job_name(slug, "nightly", slugs))
    if not state.on:
        mend = f"turn {state.name} on in Dagster's UI (Automation), or run: dagster schedule start {state.name}"
        return warning(name, f"the schedule {state.name} is stopped: no night starts by itself", mend)
    if not state.daemon:
        found = f"the schedule {state.name} is on, but Dagster's daemon does not run: no night starts by itself"
        return error(name, found, "start dagster-daemon (or dagster dev) as a service with the same DAGSTER_HOME")
    return ok(name, f"the schedule {state.name} is on, and Dagster's daemon runs")


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
    return error("settings", found, "correct it in the settings file or the environment, as it says")


def _tell(slug: str, checks: Sequence[Check], settings: Sequence[Setting], *, as_json: bool) -> int:
    states = {check.state for check in checks}
    code = ERROR if "error" in states else NEEDS_A_PERSON if "warning" in states else OK
    if as_json:
        told = {"company": slug, "exit": code, "checks": [asdict(check) for check in checks]}
        say_json({**told, "settings": [setting._asdict() for setting in settings]})
        return code
    shown = table("", "what", "found, and how to mend it", wrap=("found, and how to mend it",))
    for check in checks:
        said = escape(check.found) + (f"\n→ {escape(check.mend)}" if check.mend else "")
        shown.add_row(f"[{STYLES[check.state]}]{check.state}[/]", check.name, said)
    say_table(shown, indent=0)
    say(_verdict(checks))
    return code


def _verdict(checks: Sequence[Check]) -> str:
    counted = Counter(check.state for check in checks)
    told = [f"{counted[state]} {state if state == 'skipped' else state + 's' * (counted[state] > 1)}"
            for state in ("error", "warning", "skipped") if counted[state]]  # fmt: skip
    return f"[bold]{', '.join(told) or 'all is well'}[/]; {counted['ok']} of {len(checks)} are well"
