"""Which adapters there are, and whether one keeps its contract."""

from collections import Counter
from dataclasses import asdict
from importlib.metadata import EntryPoint, entry_points

from cloudcollect_pipeline.cli.exits import ERROR, OK, USAGE, Stop
from cloudcollect_pipeline.cli.screen import console, say, say_json, say_table, table
from cloudcollect_pipeline.testing.kit import run_contract

GROUP = "cloudcollect.contracts"
"""Entry points: name -> a subclass of `AgencyContract` or `ErpContract` that needs no arguments."""
SHOWN = {"passed": "[green]passed[/]", "failed": "[red]failed[/]", "unsupported": "[dim]unsupported[/]"}


def show(*, as_json: bool) -> int:
    """List the contracts."""
    found = [{"name": point.name, "contract": point.value} for point in _points()]
    if as_json:
        say_json(found)
        return OK
    made = table("adapter", "its contract")
    for each in found:
        made.add_row(each["name"], each["contract"])
    say_table(made)
    return OK


def test(name: str, *, as_json: bool) -> int:
    """Run one contract; an error where a check failed."""
    points = {point.name: point for point in _points()}
    if name not in points:
        raise Stop(f"no adapter {name}; there are {', '.join(points) or 'none'}", USAGE)
    if not as_json:
        say(f"{name}: {points[name].value}")
    outcomes = run_contract(points[name].load()())
    counts = Counter(outcome.state for outcome in outcomes)
    if as_json:
        say_json({"adapter": name, **counts, "checks": [asdict(outcome) for outcome in outcomes]})
        return ERROR if counts["failed"] else OK
    made = table("", "what is asked", "why", wrap=("what is asked", "why"))
    for outcome in outcomes:
        made.add_row(SHOWN[outcome.state], outcome.asks, outcome.why)
    say_table(made)
    console().print()
    say(f"{counts['passed']} passed, {counts['failed']} failed, {counts['unsupported']} unsupported")
    return ERROR if counts["failed"] else OK


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)
