"""The registry of rules: read from `sql/rules.sql`, where each predicate stands beside its words."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Rule:
    """One rule. `predicate` is SQL over candidate `c` and policy `p`, true when it passes; NULL counts as failed."""

    code: str
    group: str
    text: str
    fix: str
    predicate: str


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in the order in which they are explained."""
    text = files("cloudcollect_pipeline.planning.sql").joinpath("rules.sql").read_text()
    blocks = re.findall(r"-- rule: (\w+)\n-- group: (may|stop)\n-- text: (.+)\n-- fix: (.+)\n((?:(?!--).*\n?)+)", text)
    return tuple(
        Rule(code, group, says, fix, body.strip().removesuffix(";")) for code, group, says, fix, body in blocks
    )


OWN_RULES = ("OPEN", "PICKED", "OLD_ENOUGH")
"""Rules that ask only for the receivable's own columns, so that they can narrow the search."""


def own_rules() -> str:
    """SQL over a receivable `c` that is true when it passes the rules that need nothing else."""
    return " and ".join(f"coalesce(({rule(code).predicate}), false)" for code in OWN_RULES)


def stop_rules() -> str:
    """SQL over a candidate `c` that is true when it passes every rule that is asked as long as a claim lives."""
    return " and ".join(f"coalesce(({rule.predicate}), false)" for rule in rules() if rule.group == "stop")


def failed_codes() -> str:
    """SQL list items: the code of each rule that fails, else NULL."""
    return ", ".join(f"case when not coalesce(({rule.predicate}), false) then '{rule.code}' end" for rule in rules())


def rule(code: str) -> Rule:
    """One rule by its code."""
    return next(rule for rule in rules() if rule.code == code)
