"""The documentation: what is made from the code holds all of it, and what is written names only what there is."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import pytest
from pydantic import BaseModel
from typer.main import get_command

from cloudcollect_pipeline.cli import exits
from cloudcollect_pipeline.cli.app import app
from cloudcollect_pipeline.domain.finding import CATALOGUE
from cloudcollect_pipeline.ledger.tables import TABLES
from cloudcollect_pipeline.orchestration.checks import DESCRIPTIONS
from cloudcollect_pipeline.planning.rules import rules
from cloudcollect_pipeline.reporting.words import words
from cloudcollect_pipeline.settings import Settings, _section_in
from tools.docs import reference, site

WRITTEN = sorted(site.DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder that the site is built of, and its pages; a dead link would raise."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    return folder, site.stage(folder)


@pytest.fixture(scope="module")
def made(staged: tuple[Path, list[str]]) -> Mapping[str, str]:
    """Name -> text of the pages made from the code."""
    return {path.name: path.read_text() for path in (staged[0] / "reference").glob("*.md")}


def settings_of(section: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, field in section.model_fields.items():
        inner = _section_in(field)
        if inner is None:
            yield (*path, key)
        else:
            yield from settings_of(inner, (*path, key, *(["NAME"] if get_origin(field.annotation) is dict else [])))


def test_every_setting_is_told_with_its_variable(made):
    page = made["settings.md"]
    paths = list(settings_of(Settings))
    assert len(paths) > 90
    for path in paths:
        section = ".".join(path[:-1])
        (part,) = [
            p
            for p in page.split("\n## ")[1:]
            if p.splitlines()[0].strip("`[]") in (section, "Top level"[: 9 * (not section)])
        ]
        assert f"| `{path[-1]}`" in part
        variable = "CLOUDCOLLECT_" + "__".join(path).upper()
        assert variable in part or {"opening_items", "changes"} & set(path)


@pytest.mark.parametrize(("page", "language"), [("reason-codes.md", "en"), ("funnkoder.md", "nb")])
def test_every_reason_code_is_told_in_both_languages(made, page, language):
    told = words(language)
    parts = dict(part.split("\n", 1) for part in made[page].split("\n## ")[1:])
    assert parts.keys() == CATALOGUE.keys()
    for code, reason in CATALOGUE.items():
        assert told[f"reason.{code}"] in parts[code]
        assert told[f"fix.{code}"] in parts[code]
        assert all(f"`{action}`" in parts[code] for action in reason.actions)


def test_every_rule_check_and_exit_code_is_told(made):
    assert [rule.code for rule in rules() if f"## {rule.code}\n" not in made["rules.md"]] == []
    assert [text for text in DESCRIPTIONS.values() if text not in made["checks.md"]] == []
    assert [
        code for code, (short, _) in exits.MEANINGS.items() if f"| {code} | {short} |" not in made["exit-codes.md"]
    ] == []
    assert exits.MEANINGS.keys() == {exits.OK, exits.ERROR, exits.USAGE, exits.NEEDS_A_PERSON, exits.BLOCKED}


def test_every_command_and_option_is_told(made):
    page = made["commands.md"]
    found = dict(reference.commands(get_command(app), "cloudcollect"))
    assert len(found) > 25
    for name, command in found.items():
        assert f"## {name}\n" in page
        options = [o for parameter in command.params if parameter.param_type_name == "option" for o in parameter.opts]
        assert [option for option in options if option not in page] == []


def test_every_table_and_column_is_told(made):
    page = made["data-dictionary.md"]
    parts = dict(part.split("\n", 1) for part in page.split("\n### ")[1:])
    for table in TABLES.values():
        assert [c.name for c in table.columns if f"| `{c.name}` |" not in parts[table.name]] == []
    for file, tables in reference.made_tables().items():
        for table_name, columns in tables.items():
            assert [name for name, _ in columns if f"| `{name}` |" not in parts[f"{file}: {table_name}"]] == []


def test_what_the_dictionary_says_is_there_and_what_is_there_is_said():
    there = {
        (file, table, column)
        for file, tables in reference.made_tables().items()
        for table, columns in tables.items()
        for column in ["_", *(name for name, _ in columns)]
    }
    said = {(f, t, c) for f, tables in reference.dictionary().items() for t, columns in tables.items() for c in columns}
    assert said == there, "tell it in tools/docs/dictionary.toml"


def test_every_page_stands_in_the_navigation_and_every_entry_is_a_page(staged):
    navigation = (site.ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    entries = re.findall(r"([\w/.-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(entries) == staged[1]


def test_every_check_has_a_page_in_the_runbook():
    pages = {path.stem for path in (site.DOCS / "runbook").glob("*.md")}
    assert [name for name in DESCRIPTIONS if name.replace("_", "-") not in pages] == []


def test_a_link_to_nothing_is_said(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[there](gone.md) and ![picture](gone.svg), not `[x](y)`\n")
    monkeypatch.setattr(site, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(site, "FROM_ELSEWHERE", {})
    with pytest.raises(site.DeadLinks) as dead:
        site.stage(tmp_path / "site")
    assert "docs/index.md: gone.md leads nowhere" in str(dead.value)
    assert "docs/index.md: gone.svg leads nowhere" in str(dead.value)


@pytest.mark.parametrize(("page", "language"), [("accountant.md", "en"), ("regnskap.md", "nb")])
def test_every_sheet_of_the_workbook_is_told_in_its_language(page, language):
    text = (site.DOCS / page).read_text()
    sheets = [name for key, name in words(language).items() if key.startswith("sheet.")]
    assert len(sheets) > 10
    assert [name for name in sheets if f"| {name} |" not in text] == []


def test_no_picture_shows_a_path_of_the_machine_or_fetches_anything():
    pictures = list((site.DOCS / "pictures").glob("terminal-*.svg"))
    assert pictures
    for picture in pictures:
        text = picture.read_text()
        assert "@font-face" not in text
        assert not re.search(r"/(tmp|home|root|work)/", text), picture.name


def spoken() -> Iterator[tuple[str, str]]:
    """Every call of `cloudcollect` in a text: in a block of a shell, or as code within a line."""
    for path in [*WRITTEN, site.ROOT / "README.md"]:
        text = path.read_text()
        blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`(cloudcollect [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
        for line in lines:
            called = re.search(r"(?:^|[/\s])cloudcollect (?!_)([^#|]*)", line)
            if called and called[1].strip():
                yield path.name, called[1].strip()


@pytest.mark.parametrize(("page", "call"), sorted(set(spoken())))
def test_every_command_in_the_texts_can_be_typed(page, call):
    arguments = shlex.split(call.replace("…", "X"))
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        assert arguments, f"{page}: cloudcollect {call} says nothing"
        word = arguments.pop(0)
        if word.startswith("-"):
            return
        assert word in command.commands, f"{page}: there is no cloudcollect {word}"
        command = command.commands[word]
        if not arguments and hasattr(command, "commands"):
            return  # the group as such
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options = [word.split("=")[0] for word in arguments if word.startswith("-")]
    assert [option for option in options if option not in known] == [], f"{page}: cloudcollect {call}"
