"""What a person must look at: listed, shown, ignored for a while, given to somebody, and answered."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from cloudcollect_pipeline.cli import context
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.people import Desk, desk
from cloudcollect_pipeline.cli.screen import command, moment, say, say_json, say_table, table
from cloudcollect_pipeline.cli.words import by_severity
from cloudcollect_pipeline.dispatch.journal import Journal
from cloudcollect_pipeline.domain.clock import night_of
from cloudcollect_pipeline.domain.finding import OWNERS, reason_of
from cloudcollect_pipeline.domain.money import display
from cloudcollect_pipeline.domain.words import PAYING_TYPES
from cloudcollect_pipeline.reporting.published import snapshot
from cloudcollect_pipeline.reporting.standing import standing
from cloudcollect_pipeline.reporting.words import LANGUAGES, words

Row = Mapping[str, Any]
NOBODY = "nobody"


def show_list(
    slug: str | None, *, owner: str | None, mine: bool, everything: bool, language: str, as_json: bool
) -> int:
    """What is still seen and not ignored, the gravest first; with `everything` also what is ignored or over."""
    if owner is not None and owner not in OWNERS:
        raise Stop(f"{owner} owns no findings; say {', '.join(OWNERS)}", USAGE)
    told = _words(language)
    settings = context.settings()
    with snapshot(settings, context.company(settings, slug)) as seen:
        night = seen.night
        known = [standing(row, night, language) for row in by_severity(seen.journal.findings(all_states=everything))]
    asked = [
        row for row in known if owner in (None, row["owner"]) and (not mine or row["assigned_to"] == context.who())
    ]
    found = [row for row in asked if everything or row["state"] != "ignored"]
    if as_json:
        say_json(found)
        return OK
    if found:
        _table(found, told)
        say(told["life.how"].format(command=command()))
    else:
        say(told["life.none_such" if owner or mine else "life.none"].format(night=night))
    if len(asked) > len(found):
        say(told["life.hidden"].format(number=len(asked) - len(found)))
    return OK


def _table(found: Iterable[Row], told: Mapping[str, str]) -> None:
    names = ("id", "severity", "owner", "since", "age", "amount", "code", "what")
    titles = {name: told[f"column.{name}"].lower() for name in names}
    right = tuple(titles[name] for name in ("id", "age", "amount"))
    shown = table(*titles.values(), right=right, wrap=(titles["what"],))
    for row in found:
        # The text of a finding is English, as it was logged; its meaning stands in both languages.
        text = row["text"] if told is words("en") else row["means"]
        if row["subject"] not in text:
            text = f"{row['subject']}: {text}"
        shown.add_row(
            str(row["id"]),
            told[f"severity.{row['severity']}"],
            told[f"owner.{row['owner']}"],
            row["first_night"],
            str(row["age_days"]),
            _amount(row),
            row["code"],
            escape("; ".join([text, *row["remarks"]])),
        )
    say_table(shown, indent=0)


def show(number: int, slug: str | None, *, language: str, as_json: bool) -> int:
    """One finding: what it means, what to do, what can be answered, and all that happened to it."""
    told = _words(language)
    settings = context.settings()
    name = context.company(settings, slug)
    with snapshot(settings, name) as seen:
        row = standing(_finding(seen.journal, number), seen.night, language)
        decided = seen.journal.decisions().get((row["code"], row["subject"]))
        events = seen.journal.finding_events(row)
    if as_json:
        say_json({**row, "decided": decided, "events": events})
        return OK
    amount = f" · {_amount(row)} NOK" if row["amount"] is not None else ""
    state = "".join(f" · {remark}" for remark in row["remarks"])
    severity, owner = told[f"severity.{row['severity']}"], told[f"owner.{row['owner']}"]
    say(
        f"[bold]{row['code']}[/] · {severity} · {owner} · {escape(row['subject'])}{amount}{escape(state)}",
        f"  {escape(row['text'])}",
        f"  means    {escape(row['means'])}",
        f"  do this  {escape(row['fix'])}",
        f"  seen     {row['first_night']} to {row['last_night']}, {row['age_days']} days",
    )
    if row["code"] == "AGENCY_ASKS":
        say(f"  it asks  {escape(_question(settings.data_dir / name, row['subject']))}")
    for event in events:
        say(f"  {moment(event['at'])}  {escape(event_text(event))}")
    actions = "|".join(row["actions"])
    if row["state"] in ("open", "ignored") or (row["state"] == "resolved" and actions):
        say(
            f"  {command()} findings resolve {number} --note TEXT"
            + escape(f" --action {_example(actions)}" if actions else "")
        )
    return OK


def event_text(event: Row) -> str:
    """What the log tells of a finding, as a line: `resolved by ingrid: cancelled at the agency`."""
    data = event["data"]
    why = f" by {data['who']}: {data['note']}" if "who" in data else ""
    match event["kind"]:
        case "found":
            return f"found: {data['text']}"
        case "gone":
            return f"gone on night {data['night']}"
        case "due_again":
            return f"no longer ignored on night {data['night']}"
        case "decided":
            return f"answered {data['action']}{why}"
        case "ignored":
            return f"ignored until {data['until']}{why}"
        case "assigned":
            return f"assigned to {data['to'] or NOBODY}{why}"
        case kind:
            return f"{kind}{why}"


# -- what people do about them -----------------------------------------------------------------------------------------


def ignore(number: int, slug: str | None, until: str, note: str) -> int:
    """Leave it alone until a day; the night of that day lists it again."""
    last = context.parse_day(until)
    with _acting(slug, note) as made:
        finding = _standing_one(made.journal, number)
        nights = made.journal.nights(1)
        if nights and last.isoformat() <= nights[0]["night"]:
            raise Stop(f"{last} is not after the last night, {nights[0]['night']}: name a later day", USAGE)
        made.journal.ignore_finding(number, last, note, made.who, made.at)
        made.publish()
        say(f"{_named(finding)} is ignored: the night of {last} lists it again, if it is still seen then")
    return OK


def assign(number: int, slug: str | None, to: str, note: str) -> int:
    """Give it to somebody, by the name that they have on this machine; or to nobody."""
    if not to.strip():
        raise Stop(f"say whose it is, or {NOBODY}", USAGE)
    with _acting(slug, note) as made:
        finding = _standing_one(made.journal, number)
        made.journal.assign_finding(number, "" if to == NOBODY else to, note, made.who, made.at)
        made.publish()
        say(f"{_named(finding)} is assigned to {escape(to)}")
    return OK


def resolve(number: int, slug: str | None, note: str, action: str | None) -> int:
    """A person has dealt with a finding; an action is an answer that planning acts on."""
    with _acting(slug, note) as made:
        journal = made.journal
        finding = _finding(journal, number)
        code, subject = finding["code"], finding["subject"]
        allowed = reason_of(code).actions
        answer = _answer(code, allowed, action) if action is not None else None
        standing_answer = journal.decisions().get((code, subject))
        if finding["state"] in ("resolved", "closed") and answer in (None, standing_answer):
            raise Stop(_again(journal, finding, standing_answer, allowed), USAGE)
        if answer is not None:
            if code == "EFFECT_QUARANTINED":
                _move(made, subject, answer, note)
            journal.decide(code, subject, answer, note, made.who, made.at)
        journal.resolve_finding(number, note, made.who, made.at)
        made.publish()
        say(f"{_named(finding)} is resolved{f': {escape(action)}' if action else ''}")
        if answer:
            instead = f" instead of {escape(standing_answer)}" if standing_answer not in (None, answer) else ""
            say(f"the next night acts on it{instead}")
        elif allowed and not standing_answer:
            say(f"it keeps being seen until it is answered: --action {escape(_example('|'.join(allowed)))}")
    return OK


def _acting(slug: str | None, note: str) -> Any:
    if not note.strip():
        raise Stop("--note must say why", USAGE)
    return desk(slug)


def _again(journal: Journal, finding: Row, answered: str | None, allowed: tuple[str, ...]) -> str:
    """What is told to somebody who resolves what is resolved or over already."""
    number, over = finding["id"], finding["state"] == "closed"
    acts = [event for event in journal.finding_events(finding) if event["kind"] == "resolved"]
    by = ""
    if acts:
        last = acts[-1]
        by = f" by {last['data']['who']} at {moment(last['at'])}: {last['data']['note']}"
    if over:
        since = f"finding {number} is over since night {finding['gone_night']}"
        return f"{since}{f'; it was resolved{by}' if by else ', without anybody having resolved it'}"
    change = f"; another answer takes its place: --action {_example('|'.join(allowed))}" if allowed else ""
    return f"finding {number} is resolved already{by}{f' (answered {answered})' if answered else ''}{change}"


def _standing_one(journal: Journal, number: int) -> Row:
    finding = _finding(journal, number)
    if finding["state"] == "closed":
        raise Stop(f"finding {number} is over since night {finding['gone_night']}: there is nothing left to do", USAGE)
    return finding


def _named(finding: Row) -> str:
    return f"finding {finding['id']} ({finding['code']} {escape(finding['subject'])})"


def _question(folder: Path, question: str) -> str:
    """The text of the agency's question, which stands only in the file of persons."""
    import duckdb

    try:
        with duckdb.connect(str(folder / "persons.duckdb"), read_only=True) as persons:
            row = persons.execute("select text from question where question_id = ?", [question]).fetchone()
    except duckdb.Error:
        return "its text cannot be read while a run is on; look at the agency's own pages"
    return str(row[0]) if row else "its text is not known any more"


def _answer(code: str, allowed: tuple[str, ...], action: str) -> str:
    if not allowed:
        raise Stop(f"{code} takes no action: mend its cause, then resolve it with a note", USAGE)
    words_ = action.split()
    if not words_ or words_[0] not in allowed:
        raise Stop(f"{code} takes the actions {', '.join(allowed)}, not {action}", USAGE)
    if words_[0] == "adopt":
        kinds = {kind.lower(): kind for kind in PAYING_TYPES}
        if len(words_) != 3 or words_[1].lower() not in kinds:
            raise Stop('adopt names the ERP document it stands for: --action "adopt Payment 500123"', USAGE)
        return f"adopt {kinds[words_[1].lower()]} {words_[2]}"
    if words_[0] == "answer":
        if len(words_) < 2:
            raise Stop('answer carries the text: --action "answer It was delivered on 3 May"', USAGE)
        return " ".join(words_)
    if len(words_) > 1:
        raise Stop(f"{words_[0]} takes nothing more: --action {words_[0]}", USAGE)
    return words_[0]


def _move(made: Desk, reference: str, answer: str, note: str) -> None:
    """What a person found out about an effect in quarantine."""
    known = made.journal.effect(reference)
    if known is None or known.state != "quarantined":
        raise Stop(f"effect {reference} is not in quarantine any more; look again after the next night", USAGE)
    state = "confirmed" if answer == "done" else "absent"
    made.journal.move(reference, state, made.at, night_of(made.at), note=f"{made.who}: {note}")


def _finding(journal: Journal, number: int) -> Row:
    finding = journal.finding(number)
    if finding is None:
        raise Stop(f"there is no finding {number}; `{command()} findings list --all` shows them", USAGE)
    return finding


def _words(language: str) -> Mapping[str, str]:
    if language not in LANGUAGES:
        raise Stop(f"there are no findings in {language}; there are {' and '.join(LANGUAGES)}", USAGE)
    return words(language)


def _amount(row: Row) -> str:
    return display(row["amount"]) if row["amount"] is not None else ""


def _example(actions: str) -> str:
    return '"adopt Payment NUMBER"|ignore' if actions == "adopt|ignore" else actions
