"""The page: self-contained, escaped, in two languages; and the texts both reports are written in."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cloudcollect_pipeline.reporting.page import MOST_ROWS, page
from cloudcollect_pipeline.reporting.words import LANGUAGES, UnknownLanguage, catalogue, words
from tests.reporting.conftest import NAME, Weeks

VOID = {"meta", "br", "hr", "img", "link", "input", "col"}


class Read(HTMLParser):
    """Tags in order, those left open, and what can be read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.said))


@pytest.mark.parametrize("language", ["en", "nb"])
def test_the_page_is_whole_and_needs_nothing_else(weeks: Weeks, language: str):
    for books in weeks.books.values():
        html = page(books, language)
        read = Read(html)
        assert read.open == []
        assert {"script", "link", "iframe", "img", "object", "form"}.isdisjoint(read.tags)
        assert not re.search(r"https?:|url\(|@import|<script|javascript:|\bon[a-z]+=", html)
        assert {"src", "href"}.isdisjoint(dict(read.attributes))
        assert ("lang", language) in read.attributes
        assert ("name", "viewport") in read.attributes
        assert "svg" in read.tags
        assert "@media print" in html
        assert page(books, language) == html


def test_every_wide_table_has_a_box_of_its_own(weeks: Weeks):
    html = page(weeks.last, "en")
    assert html.count("<thead>") == html.count('<div class="wide"') > 5
    assert ".wide { overflow-x: auto;" in html


def test_amounts_and_dates_are_written_as_in_the_language(weeks: Weeks):
    books = replace(weeks.last, statement=replace(weeks.last.statement, opening=123_456_789))
    assert "1,234,567.89" in Read(page(books, "en")).text
    assert "1 234 567,89" in Read(page(books, "nb").replace("\u00a0", " ")).text
    assert "13 January 2026" in page(weeks.last, "en")
    assert "13. januar 2026" in page(weeks.last, "nb")


def test_the_page_shows_names_items_and_findings(weeks: Weeks):
    said = Read(page(weeks.last, "nb")).text
    assert NAME in said
    for finding in weeks.last.findings:
        assert words("nb")[f"fix.{finding.code}"] in said
    for item in weeks.last.items:
        assert item.cases in said


def test_what_others_wrote_is_shown_and_not_obeyed(weeks: Weeks):
    evil = "<script>alert(1)</script><b onclick=x>&{{ 7*7 }}"
    books = replace(
        weeks.last,
        name=evil,
        names=dict.fromkeys(weeks.last.names, evil),
        findings=tuple(replace(f, subject=evil, text=evil) for f in weeks.last.findings),
    )
    html = page(books, "en")
    assert "script" not in Read(html).tags
    assert evil in Read(html).text
    assert "&lt;script&gt;" in html


def test_a_long_list_is_cut_and_says_so(weeks: Weeks):
    books = replace(weeks.last, items=weeks.last.items[:1] * (MOST_ROWS + 1_000))
    html = page(books, "en")
    assert "The first 200 of 1,200; all of them stand in the workbook." in html
    assert len(html) < 300_000


def test_a_statement_that_does_not_tie_cannot_be_overlooked(weeks: Weeks):
    books = replace(weeks.last, statement=replace(weeks.last.statement, agency_unsettled=1))
    html = page(books, "en")
    assert 'class="verdict"' in html
    assert "The account is NOT explained: do not close on it" in html
    assert 'class="no"' in html
    assert 'class="verdict good"' in page(weeks.last, "en")


# -- texts


def test_every_text_stands_in_every_language():
    assert set(words("en")) == set(words("nb"))
    for group, names in catalogue().items():
        for name, texts in names.items():
            assert set(texts) == set(LANGUAGES), f"{group}.{name}"
            assert all(text.strip() == text and text for text in texts.values()), f"{group}.{name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_sheets_can_be_used(language: str):
    names = [text for name, text in words(language).items() if name.startswith("sheet.")]
    assert len(names) == len(set(names))
    assert [name for name in names if len(name) > 31 or set(name) & set("[]:*?/\\'")] == []


def test_another_language_is_refused():
    with pytest.raises(UnknownLanguage, match="there are en and nb"):
        words("nn")
