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


def all_rules() -> str:
    """SQL that is true when every rule passes."""
    return "\n  and ".join(f"coalesce(({rule.predicate}), false)" for rule in rules())


def failed_codes(group: str | None = None) -> str:
    """SQL list items: the code of each rule that fails, else NULL."""
    return ", ".join(
        f"case when not coalesce(({rule.predicate}), false) then '{rule.code}' end"
        for rule in rules()
        if group in (None, rule.group)
    )


def rule(code: str) -> Rule:
    """One rule by its code."""
    return next(rule for rule in rules() if rule.code == code)
