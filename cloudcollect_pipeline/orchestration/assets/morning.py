"""The morning: what people open at eight. Read from what the night published, so no run waits for it or fails by it.

Unpartitioned: these stand for the company now. Their pages plot every night's figures by themselves, and their checks
report what is broken now, not what broke once. Whether last night ran is told by a check and by the statement's
freshness: the morning itself is made anew without a night too.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.orchestration import checks, metadata
from cloudcollect_pipeline.orchestration.assets.stage import Result, log_checks
from cloudcollect_pipeline.orchestration.resources import Desk, Nights
from cloudcollect_pipeline.reporting.books import read_books
from cloudcollect_pipeline.reporting.files import report_files, write_report
from cloudcollect_pipeline.reporting.morning import VERDICTS, Morning, read_morning

SHOWN = 5
"""Findings on the page; `findings list` has them all."""
MARKS: Mapping[str, str] = {"good": "🟢", "person": "🟡", "missing": "🔴", "off": "🔴"}


def reports(desk: Desk) -> Result:
    """The workbook and the page of the last night, in the languages of the settings. Files that name debtors."""
    seen = desk.seen
    books = read_books(seen.ledger, seen.journal, seen.slug, seen.settings, seen.night, desk.names())
    try:
        written = [path for language in desk.reports.languages for path in write_report(books, language, desk.folder)]
    except OSError as error:
        problem = f"{error.filename or desk.folder}: {error.strerror or type(error).__name__}"
        return dg.MaterializeResult(
            metadata={"night": seen.night.isoformat(), "files": "none"},
            check_results=[checks.reports_are_written((), problem)],
        )
    return dg.MaterializeResult(
        metadata={"night": seen.night.isoformat(), "files": dg.MetadataValue.md(metadata.bullets(_links(desk)))},
        check_results=[checks.reports_are_written(written)],
    )


def morning(desk: Desk) -> Result:
    """How the company stands this morning: verdict, statement, what needs a person, ageing, trend, reports."""
    told = read_morning(desk.seen, desk.clock.now())
    return dg.MaterializeResult(metadata=page(told, list(_links(desk))), check_results=checks.of_the_morning(told))


def page(told: Morning, links: Sequence[str]) -> dict[str, Any]:
    """The cockpit: what Dagster shows on the asset's page, in this order. Every text is short enough to be drawn."""
    unit = max(max((aged.total for aged in told.ageing), default=0), 1)
    return {
        "verdict": _verdict(told),
        "statement": dg.MetadataValue.md(
            metadata.markdown(
                (f"account {told.account}", f">{told.currency}"),
                [(STATEMENT[line], display(amount)) for line, amount in told.statement.items()],
            )
        ),
        "needs_a_person": dg.MetadataValue.md(_needs(told)),
        "ageing": dg.MetadataValue.md(
            metadata.markdown(
                ("days overdue", f">{told.currency}", ">at the agency", ""),
                [
                    (AGES[aged.age], display(aged.total), display(aged.at_agency), metadata.bar(aged.total, unit))
                    for aged in told.ageing
                    if aged.age != "no_receivable"
                ],
            )
        ),
        "trend": dg.MetadataValue.md(metadata.sparkline([balance.closing for balance in told.trend])),
        "open": dg.MetadataValue.md(metadata.bullets(links)),
        "last_night": dg.MetadataValue.md(_done(told)),
        "closing_ore": told.statement.get("closing", 0),
        "ledger_difference_ore": told.ledger_difference,
        "agency_difference_ore": told.agency_difference,
        "open_items": told.open_items,
        "oldest_item_days": told.oldest_days,
        "findings": len(told.needs),
        "new_findings": told.new_findings,
        "held_back": told.held_back,
        "missing_nights": len(told.missing_nights),
    }


STATEMENT: Mapping[str, str] = {
    "opening": "opening at go-live",
    "posted": "+ posted",
    "reversed": "− reversed",
    "settled": "− settled",
    "foreign": "+ foreign",
    "closing": "= closing",
    "ledger": "general ledger",
    "in_transit": "in transit, not released",
    "agency_unsettled": "unsettled at the agency",
}
AGES: Mapping[str, str] = {
    "not_due": "not due",
    "to_30": "1–30",
    "to_60": "31–60",
    "to_90": "61–90",
    "over_90": "over 90",
}


def _verdict(told: Morning) -> str:
    closing = told.statement.get("closing", 0)
    more = f": {told.missing_nights[0]} to {told.missing_nights[-1]}" if told.missing_nights else ""
    verdict = f"{MARKS[told.verdict]} {VERDICTS[told.verdict]}"
    return f"{verdict}{more} · night {told.night} · {told.account} closing {display(closing)}"


def _needs(told: Morning) -> str:
    """At most five things, the gravest first, each with what to do."""
    lines: list[str] = []
    if told.missing_nights:
        lines.append(
            f"**{len(told.missing_nights)} nights were not run**: Jobs, *nightly*, Partitions, Materialize, *Missing* "
            "makes up for them in one run; its plan waits for your approval"
        )
    if told.waiting is not None:
        short = told.waiting.hash[:12]
        lines.append(f"**plan {short} waits**: `cloudcollect approve {short}`, or launch *transfer* with it")
    shown = told.needs[: SHOWN - len(lines)]
    room = metadata.INLINE_LIMIT // (len(lines) + len(shown) + 1) - 10
    for need in shown:
        known = "back again" if need.new and need.came_back else "new" if need.new else f"{need.age} days"
        known = f"{known}, {need.assigned_to or need.owner}"
        amount = "" if need.amount is None else f" {display(need.amount)}"
        lines.append(metadata.shortened(f"**{need.subject}**{amount} ({known}) {need.text}. *{need.fix}*", room))
    left = len(told.needs) - len(shown)
    if left:
        lines.append(f"{left} more: `cloudcollect findings list`")
    return metadata.bullets(lines) if lines else "nothing"


def _done(told: Morning) -> str:
    """What the night did, by kind and outcome."""
    rows = [
        (kind.replace("_", " "), outcome, total["count"], display(total["sum"]))
        for kind, outcomes in sorted(told.dispatched.items())
        for outcome, total in sorted(outcomes.items())
    ]
    return metadata.markdown(("what", "outcome", ">count", f">{told.currency}"), rows)


def _links(desk: Desk) -> Iterator[str]:
    """The reports of the last night as far as they are there: links where they are served, else where they are."""
    night = desk.seen.night
    for language in desk.reports.languages:
        for path in report_files(night, language, desk.folder):
            if not path.exists():
                continue
            kind = "workbook" if path.suffix == ".xlsx" else "page"
            where = f"`{path}`"
            if desk.reports.url:
                where = f"[{path.name}]({desk.reports.url.rstrip('/')}/{desk.seen.slug}/{path.name})"
            yield f"{kind}, {language}: {where}"


def company_assets(slug: str) -> list[dg.AssetsDefinition]:
    """Both, keyed `<company>/reports` and `<company>/morning`."""
    return [
        _asset(slug, reports, ("reconciliation_statement",), {"xlsxwriter", "html"}, (checks.REPORTS_ARE_WRITTEN,)),
        _asset(slug, morning, ("reports",), {"markdown"}, checks.MORNING),
    ]


def _asset(
    slug: str,
    run: Callable[[Desk], Result],
    deps: Sequence[str],
    kinds: set[str],
    told: Sequence[str],
) -> dg.AssetsDefinition:
    key = dg.AssetKey([slug, run.__name__])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy

        @dg.asset(
            key=key,
            deps=[dg.AssetKey([slug, dep]) for dep in deps],
            description=inspect.getdoc(run),
            group_name="morning",
            kinds=kinds,
            owners=["team:receivables"],
            tags={"company": slug},
            code_version="1",
            backfill_policy=dg.BackfillPolicy.single_run(),
            check_specs=[checks.spec(name, key) for name in told],
        )
        def asset(context: dg.AssetExecutionContext, nights: Nights) -> Result:
            with nights.desk(slug) as desk:
                result = run(desk)
            log_checks(context.log, result)
            return result

    return asset
