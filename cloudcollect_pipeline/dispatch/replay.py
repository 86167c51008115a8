"""What the log adds up to: one definition, by which the journal writes its effects and by which they are verified."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = frozenset(
    {"intent", "created", "confirmed", "rejected", "later", "uncertain", "absent", "dropped", "quarantined"}
)
"""Kinds of entries that move an effect."""
USED_UP = frozenset({"retry", "resume", "pause", "recall"})
"""Answers that allow one try. An entry says which ones its intent used up; in old ones it was all about its names."""


def effect_after(before: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An effect after one more entry about it, as a row without `chain` and `lane`, which the log does not tell."""
    data = entry["data"]
    if entry["kind"] == "missed":
        return {
            **(before or {}),
            "misses": data["misses"],
            "missed_night": data["night"],
            "seq": entry["seq"],
        }
    known = before or {"remote_id": None, "intents": 0, "intent_at": None, "misses": 0, "missed_night": None}
    intent = entry["kind"] == "intent"
    return {
        "reference": entry["subject"],
        "kind": data["kind"],
        "source": data["source"],
        "ordinal": data["ordinal"],
        "state": entry["kind"],
        **data["content"],
        "details": json.dumps(data["details"], sort_keys=True),
        "remote_id": data["remote_id"] or known["remote_id"],
        # What is proven not done was no try: only unknown outcomes count towards giving up.
        "intents": 0 if entry["kind"] in ("later", "rejected") else known["intents"] + intent,
        "intent_at": entry["at"] if intent else known["intent_at"],
        "misses": 0 if intent else known["misses"],
        "missed_night": None if intent else known["missed_night"],
        "note": data["note"],
        "night": data["night"],
        "seq": entry["seq"],
    }


ACTS = frozenset({"resolved", "ignored"})
"""Kinds of entries that tell what a person did about a finding; whose it is says nothing about that."""
UNTOUCHED: Mapping[str, Any] = {
    "state": "open",
    "first_night": None,
    "came_back": -1,
    "gone_night": None,
    "ignored_until": None,
    "assigned_to": "",
    "note": "",
    "who": "",
    "acted_at": None,
}


def finding_after(before: Mapping[str, Any] | None, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A finding after one more entry about it, as far as the log tells it: not its text, nor when it was seen last."""
    data, kind = entry["data"], entry["kind"]
    after = {name: (before or UNTOUCHED)[name] for name in UNTOUCHED}
    over = after["state"] == "closed"
    match kind:
        case "found":
            again = after["came_back"] + 1
            after |= {"state": "open", "first_night": data["night"], "came_back": again, "ignored_until": None}
        case "due_again":
            after |= {"state": "open", "ignored_until": None}
        case "gone":
            after |= {"state": "closed", "gone_night": data["night"], "ignored_until": None}
        case "resolved":
            after |= {} if over else {"state": "resolved", "ignored_until": None}
        case "ignored":
            after |= {} if over else {"state": "ignored", "ignored_until": data["until"]}
        case "assigned":
            after |= {"assigned_to": data["to"]}
    if kind in ACTS:
        after |= {"note": data["note"], "who": data["who"], "acted_at": entry["at"]}
    return after


@dataclass
class Replayed:
    """What a log adds up to. `illegal` are the entries that move an effect as the database would never allow."""

    effects: dict[str, dict[str, Any]] = field(default_factory=dict)
    holds: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    decisions: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name (`CODE subject`), in the order of their numbers."""
    plans: dict[str, str] = field(default_factory=dict)
    """The state of each plan, by its hash."""
    illegal: list[tuple[int, str]] = field(default_factory=list)


def replay(entries: Iterable[Mapping[str, Any]], legal: frozenset[tuple[str, str]]) -> Replayed:
    """Add up a log. `legal` are the moves of an effect as (before, after)."""
    sums = Replayed()
    names: list[str] = []
    for entry in entries:
        kind, subject, data = entry["kind"], entry["subject"], entry["data"]
        if kind in STATES or kind == "missed":
            _move(sums, entry, legal)
            continue
        match kind:
            case "held":
                sums.holds[subject] = (data["reason"], data["until"], data["who"], entry["at"])
            case "released":
                sums.holds.pop(subject, None)
            case "decided":
                code, _, about = subject.partition(" ")
                sums.decisions[code, about] = (data["action"], data["note"], data["who"], entry["at"])
            case "paused" | "resumed":
                sums.meta["paused"] = "yes" if kind == "paused" else "no"
            case "opened" | "restored":
                sums.meta["quiet_from"] = ""
            case "quiet":
                sums.meta["quiet_from"] = entry["at"]
            case "quiet_ended":
                sums.meta.pop("quiet_from", None)
            case "declared_new":
                sums.meta.pop("quiet_from", None)
                sums.meta["declared_new"] = entry["at"]
            case "set_up_verified":
                sums.meta["set_up"] = data["set_up"]
            case "agency_met":
                sums.meta["agency"] = data["agency"]
            case "found" | "gone" | "due_again":
                sums.findings[subject] = finding_after(sums.findings.get(subject), entry)
                if len(names) < len(sums.findings):
                    names.append(subject)
            case "resolved" | "ignored" | "assigned":
                place = int(subject.removeprefix("finding ")) - 1
                if place < len(names):
                    sums.findings[names[place]] = finding_after(sums.findings[names[place]], entry)
            case "planned":
                for other, state in sums.plans.items():
                    if state in ("stored", "approved") and other != subject:
                        sums.plans[other] = "superseded"
                if sums.plans.get(subject) != "dispatched":
                    sums.plans[subject] = "stored"
            case "plan_approved" | "plan_dispatched":
                sums.plans[subject] = kind.removeprefix("plan_")
            case _:
                pass  # nights: nothing is ever sent on their word
    return sums


def _move(sums: Replayed, entry: Mapping[str, Any], legal: frozenset[tuple[str, str]]) -> None:
    reference = entry["subject"]
    before = sums.effects.get(reference)
    known = before["state"] if before else ""
    if entry["kind"] == "missed":
        if before is None:
            sums.illegal.append((entry["seq"], f"{reference} was looked for before it was known"))
            return
    elif (known, entry["kind"]) not in legal:
        sums.illegal.append((entry["seq"], f"{reference} went from {known or 'nothing'} to {entry['kind']}"))
    sums.effects[reference] = effect_after(before, entry)
    if entry["kind"] == "intent":
        names = (reference, entry["data"]["source"], entry["data"]["content"]["document"])
        about = [key for key, answer in sums.decisions.items() if answer[0] in USED_UP and key[1] in names]
        for code, subject in entry["data"].get("used", about):
            sums.decisions.pop((code, subject), None)
