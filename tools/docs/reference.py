"""Reference pages, made from the code each time the site is built, so that they cannot drift from it."""

import sqlite3
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import typer
from typer.main import get_command

from cloudcollect_pipeline.cli import exits
from cloudcollect_pipeline.cli.app import app
from cloudcollect_pipeline.dispatch import schema
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.ledger.tables import TABLES, Column
from cloudcollect_pipeline.planning.rules import rules
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.settings import PREFIX, Settings

MADE: Mapping[str, str] = {
    "en": "*This page is made from the code whenever the site is built.*",
    "nb": "*Denne siden lages av koden hver gang nettstedet bygges.*",
}
NAME = "NAME"
"""Stands for a short name in paths: a company's, or whatever else is listed by name."""


def pages() -> dict[str, str]:
    """File name -> text of every page that is made."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "exit-codes.md": exit_codes_page(),
        "reason-codes.md": reason_codes_page("en"),
        "funnkoder.md": reason_codes_page("nb"),
        "rules.md": rules_page(),
        "checks.md": checks_page(),
        "data-dictionary.md": data_dictionary_page(),
    }


def _page(title: str, *parts: str, language: str = "en") -> str:
    return "\n\n".join((f"# {title}", MADE[language], *(part.strip() for part in parts))) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ") or " "


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


# -- settings ---------------------------------------------------------------------------------------------------------

Node = Mapping[str, Any]


def settings_page() -> str:
    """Every setting with its variable, its values, its default and what it means, section by section."""
    whole = Settings.model_json_schema()
    parts = [
        "Settings stand in `cloudcollect.toml`, or in the file that `CLOUDCOLLECT_CONFIG` names. `cloudcollect init` "
        "writes one to fill in.",
        f"A variable of the environment goes over the file. `{NAME}` stands for a short name of your own, such as "
        "the company's, in the variable in capitals and with `_` for `-`. A secret can stand in a file of its own that "
        "only its owner may read: name it by the same setting, or variable, with `_file` (`_FILE`) appended. An empty "
        "text counts as not given. What is **needed** has no default.",
    ]
    for path, section, optional in sections(whole):
        dots = ".".join(path)
        title = "Top level" if not path else f"`[{dots}]`" if _from_environment(path) else f"`[[{dots}]]`"
        rows = [
            (
                _code(key) + (" or " + _code(f"{key}_file") if _hidden(field) else ""),
                field.get("description", "") or "As in the section above; empty leaves it as it was.",
                _values(field),
                "**needed**" if key in section.get("required", ()) else _default(field),
                _code(variable((*path, key, *(["KEY"] if field.get("type") == "object" else []))))
                if _from_environment(path)
                else "only in the file",
            )
            for key, field in values(whole, section)
        ]
        about = section.get("description", "") + (" The section may be left out." if optional else "")
        parts.append(f"## {title}\n\n{about}")
        if rows:
            parts.append(_table(("setting", "what", "values", "default", "variable"), rows))
    return _page("Settings", *parts)


def sections(whole: Node) -> Iterator[tuple[tuple[str, ...], Node, bool]]:
    """Every section by its path, with whether it may be left out; the outer ones first."""

    def below(path: tuple[str, ...], section: Node, optional: bool) -> Iterator[tuple[tuple[str, ...], Node, bool]]:
        yield path, section, optional
        for key, field in section.get("properties", {}).items():
            inner = _section_in(whole, field)
            if inner is not None:
                names = (key, NAME) if "patternProperties" in field else (key,)
                missing = "default" in field and ("patternProperties" in field or field["default"] is None)
                yield from below((*path, *names), inner, optional or missing)

    yield from below((), whole, False)


def values(whole: Node, section: Node) -> list[tuple[str, Node]]:
    """The settings of a section that are no sections themselves."""
    return [(key, field) for key, field in section["properties"].items() if _section_in(whole, field) is None]


def variable(path: Sequence[str]) -> str:
    """The variable of the environment that stands for a setting."""
    return PREFIX + "__".join(path).upper()


def _from_environment(path: Sequence[str]) -> bool:
    """Tables that are repeated have no place in a variable's name."""
    return not {"opening_items", "changes"} & set(path)


def _section_in(whole: Node, field: Node) -> Node | None:
    keyed = field.get("patternProperties", {}).values()
    for part in (field, *field.get("anyOf", ()), field.get("items", {}), *keyed):
        if "$ref" in part:
            found: Node = whole["$defs"][part["$ref"].rsplit("/", 1)[1]]
            return found
    return None


def _hidden(field: Node) -> bool:
    return any(part.get("writeOnly") for part in (field, *field.get("anyOf", ())))


def _values(field: Node) -> str:
    """What may be given, in words."""
    parts = [part for part in _alternatives(field) if part.get("type") != "null"]
    types = {part.get("type", "") for part in parts}
    if chosen := next((part["enum"] for part in parts if "enum" in part), None):
        return ", ".join(map(_code, chosen))
    if types == {"number", "string"}:
        told = "an amount"
    elif "array" in types:
        chosen = next((part["items"]["enum"] for part in parts if "enum" in part.get("items", {})), None)
        return f"a list of {', '.join(map(_code, chosen))}" if chosen else "a list of texts"
    elif "object" in types:
        return "a table of texts"
    else:
        first = parts[0]
        kinds = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text"}
        formats = {"date": "a date", "path": "a path", "password": "a secret"}
        told = formats.get(first.get("format", ""), kinds.get(first.get("type", ""), "a text"))
    bounds = {key: part[key] for part in parts for key in ("minimum", "exclusiveMinimum", "maximum") if key in part}
    least = bounds.get("minimum", bounds.get("exclusiveMinimum"))
    if least is not None:
        told += f" {'above' if 'exclusiveMinimum' in bounds else 'from'} {least:g}"
    return told + (f" to {bounds['maximum']:g}" if "maximum" in bounds else "")


def _alternatives(field: Node) -> Iterator[Node]:
    for part in field.get("anyOf", ()):
        yield from _alternatives(part)
    if "anyOf" not in field:
        yield field


def _default(field: Node) -> str:
    default = field.get("default")
    if default is None or default in ([], {}):
        return "none"
    if isinstance(default, bool):
        return _code(str(default).lower())
    if isinstance(default, list):
        return ", ".join(_code(str(item)) for item in default)
    return _code(str(default))


# -- commands and exit codes ------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command with its arguments and options, as its help tells them."""
    root = get_command(app)
    parts = [
        "Every reading command takes `--json`. What a command's exit code says stands under "
        "[exit codes](exit-codes.md).",
        *(_command(name, command) for name, command in commands(root, "cloudcollect")),
    ]
    return _page("Commands", *parts)


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that can be called, by what is typed to call it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, inner in below.items():
        yield from commands(inner, f"{name} {word}")


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [
        (_code(told[0]), told[1])
        for told in (parameter.get_help_record(context) for parameter in command.get_params(context))
        if told is not None and not told[0].endswith("--help")
    ]
    text = f"## {name}\n\n{command.help}\n\n```sh\n{name} {usage}\n```"
    return text + ("\n\n" + _table(("what is typed", "what it means"), rows) if rows else "")


def exit_codes_page() -> str:
    """What each exit code says, and which errors give it."""
    meant = [(str(code), short, text) for code, (short, text) in exits.MEANINGS.items()]
    errors = [
        (_code(name.rsplit(".", 1)[1]), _code(before.strip()) if before else "", str(code))
        for name, (code, before) in exits._KNOWN.items()
    ]
    return _page(
        "Exit codes",
        "A program that calls `cloudcollect` can go by these; what is said to people goes to standard output, and "
        "what went wrong to standard error.",
        _table(("code", "in short", "meaning"), meant),
        "## Errors that are told in one line",
        _table(("error", "its line begins with", "code"), errors),
        "An error that is not in this table shows where in the program it happened: it is a defect, please report it. "
        "A file that cannot be read or written (a full disk, a missing right) is told in one line too, with code "
        f"{exits.ERROR}.",
    )


# -- findings, rules, checks ------------------------------------------------------------------------------------------

_SAYS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Reason codes of findings",
        "about": "What a person must look at is a finding. Its code stands for one situation, everywhere and for ever. "
        "`cloudcollect findings list` shows those that are open, `cloudcollect findings show ID` what one means and "
        "what can be answered. [Norwegian](funnkoder.md)",
        "error": "error",
        "question": "question",
        "warning": "warning",
        "severity": "Severity",
        "fix": "What to do",
        "owner": "Usually dealt with by",
        "answers": "Answers to",
        "none": "none: it closes by itself when it is no longer seen",
    },
    "nb": {
        "title": "Funnkoder",
        "about": "Det et menneske må se på, er et funn. Koden står for én situasjon, overalt og for alltid. "
        "`cloudcollect findings list` viser de åpne, `cloudcollect findings show ID` hva ett betyr og hva som kan "
        "svares. [Engelsk](reason-codes.md)",
        "error": "feil",
        "question": "spørsmål",
        "warning": "advarsel",
        "severity": "Alvor",
        "fix": "Hva som må gjøres",
        "owner": "Tas vanligvis av",
        "answers": "Svar til",
        "none": "ingen: det lukkes av seg selv når det ikke lenger ses",
    },
}


def reason_codes_page(language: str) -> str:
    """Every reason code with what it means and what to do, in `en` or `nb`."""
    says, told = _SAYS[language], words(language)
    parts = [says["about"]]
    for code, reason in CATALOGUE.items():
        owner = reason._asdict().get("owner", "")
        owner = told.get(f"owner.{owner}", owner)
        lines = (
            f"## {code}",
            f"**{told[f'reason.{code}']}.**",
            f"{says['severity']}: {says[reason.severity]}." + (f" {says['owner']}: {owner}." if owner else ""),
            f"{says['fix']}: {told[f'fix.{code}']}",
            f"{says['answers']} `cloudcollect findings resolve ID --action …`: "
            + (", ".join(map(_code, reason.actions)) or says["none"])
            + ".",
        )
        parts.append("\n\n".join(lines))
    return _page(says["title"], *parts, language=language)


def rules_page() -> str:
    """Every rule of transfer with what it asks, how to mend it, and its predicate."""
    asked = {
        "may": "before a transfer, in the plan and again right before it is sent",
        "stop": "before a transfer, and as long as the claim lives",
    }
    parts = [
        "A receivable is handed over when it passes every rule. Where it fails one, `cloudcollect plan` counts it "
        "under that rule and `cloudcollect explain NUMBER` shows it with the values. The predicates are SQL over the "
        "candidate `c` and the settings `p`; what cannot be known counts as failed.",
        *(
            f"## {rule.code}\n\nPasses when it is {rule.text}. Asked {asked[rule.group]}.\n\n"
            f"If it should go: {rule.fix}.\n\n```sql\n{rule.predicate}\n```"
            for rule in rules()
        ),
    ]
    return _page("Rules of transfer", *parts)


def checks_page() -> str:
    """Every check of Dagster's graph and every asset, as the definitions that are loaded hold them."""
    from cloudcollect_pipeline.orchestration.build import DEMO_COMPANY, build_definitions

    graph = build_definitions(companies=[DEMO_COMPANY]).resolve_asset_graph()
    by_check: dict[str, tuple[str, list[str]]] = {}
    for key in sorted(graph.asset_check_keys, key=lambda key: (key.name, key.asset_key.path)):
        description = graph.get_check_spec(key).description or ""
        by_check.setdefault(key.name, (description, []))[1].append(key.asset_key.path[-1])
    assets = [
        (_code(key.path[-1]), node.group_name or "", " ".join((node.description or "").split()))
        for key, node in sorted((key, graph.get(key)) for key in graph.materializable_asset_keys)
    ]
    return _page(
        "Checks and assets",
        "No check blocks anything: whether a plan may be sent is asked of the journal, in the night itself. A check is "
        "what a person sees of it. Its description on the page says what is wrong and what to do.",
        _table(
            ("check", "what is true when it passes", "on"),
            [
                (f"[{name}](../runbook/{name.replace('_', '-')}.md)", text, ", ".join(map(_code, on)))
                for name, (text, on) in by_check.items()
            ],
        ),
        "## Assets of a company\n\nTheir keys begin with the company's short name.",
        _table(("asset", "group", "what"), assets),
    )


# -- data dictionary --------------------------------------------------------------------------------------------------


@cache
def dictionary() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """File -> table -> column -> what it holds, of the tables that are made by SQL; `_` tells of the table itself."""
    return tomllib.loads(Path(__file__).with_name("dictionary.toml").read_text(encoding="utf-8"))


def made_tables() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """File -> table -> its columns with their types, as SQL makes them."""
    sql = files("cloudcollect_pipeline.ledger.sql")
    with duckdb.connect() as db:
        db.execute(sql.joinpath("schema.sql").read_text())
        ledger = _columns_of(db, "memory")
        db.execute("attach ':memory:' as persons")
        db.execute(sql.joinpath("persons.sql").read_text())
        persons = _columns_of(db, "persons")
    journal = sqlite3.connect(":memory:")
    try:
        schema.migrate(journal, schema.scripts())
        names = [
            row[0] for row in journal.execute("select name from sqlite_master where type = 'table' order by rowid")
        ]
        kept = {
            name: [(row[1], row[2]) for row in journal.execute("select * from pragma_table_info(?)", (name,))]
            for name in names
        }
    finally:
        journal.close()
    return {"ledger": ledger, "persons": persons, "journal": kept}


def _columns_of(db: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in db.execute(
        "select table_name, column_name, data_type from duckdb_columns() where database_name = $database "
        "and not internal order by table_oid, column_index",
        {"database": database},
    ).fetchall():
        found.setdefault(table, []).append((column, kind))
    return found


FILES: Mapping[str, str] = {
    "ledger": "The ledger also keeps what it needs beside the mirrored tables. In `ledger.duckdb`.",
    "persons": "What names a person, in a file of its own that can be erased: `persons.duckdb`.",
    "journal": "What was decided, sent and learnt, in `journal.sqlite`: the one file that must never be lost. Amounts "
    "are whole øre, moments UTC.",
}


def data_dictionary_page() -> str:
    """Every table and column of the ledger, the persons' file and the journal."""
    parts = [
        "Where the files lie, and which of them can be made again, stands under [the data folder](../data-folder.md). "
        "Money in the ledger is kroner with two decimals.",
        "## Mirrored tables\n\nEach row stands for one record of one side. `valid_from` and `valid_to` are mirror "
        "versions: the row was true from the one to the other, and `valid_to` is empty while it is true. The view "
        "`…_now` shows only what is true. Personal columns live in `persons.duckdb`.",
    ]
    for table in TABLES.values():
        rows = [(_code(c.name), _type(c.type), _rules(c, table.key), c.description) for c in table.columns]
        text = f"### {table.name}\n\n{table.description}. Told by the {table.side.replace('erp', 'ERP')}."
        parts += [text, _table(("column", "type", "rules", "what"), rows)]
    for file, tables in made_tables().items():
        parts.append(f"## {file.capitalize()}\n\n{FILES[file]}")
        for name, columns in tables.items():
            about = dictionary()[file][name]
            table_rows = [(_code(column), _type(kind), about.get(column, "")) for column, kind in columns]
            parts += [f"### {file}: {name}\n\n{about['_']}", _table(("column", "type", "what"), table_rows)]
    return _page("Data dictionary", *parts)


def _type(kind: str) -> str:
    return _code(kind.lower())


def _rules(column: Column, key: tuple[str, ...]) -> str:
    rules_ = ["key"] if column.name in key else []
    rules_ += ["required"] if column.required and column.name not in key else []
    rules_ += [f"one of {', '.join(column.one_of)}"] if column.one_of else []
    rules_ += [f"at least {column.minimum}"] if column.minimum is not None else []
    rules_ += ["personal"] if column.personal else []
    return "; ".join(rules_)
