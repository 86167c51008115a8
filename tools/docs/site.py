"""The folder that the site is built of: the written pages, those made from the code, and texts from elsewhere.

Links are written for whoever reads the files in the repository. Here each is turned towards the site; one to a file
that has no page becomes plain text, and one to nothing at all is an error.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from tools.docs import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STAGED = ROOT / "build" / "docs"

FROM_ELSEWHERE: Mapping[str, str] = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "data/README.md": "data-folder.md",
}
"""Texts that stand where people look for them in a repository -> their page."""
ALSO: Mapping[str, str] = {"README.md": "index.md", "docs": "index.md"}
"""What is no page of its own -> the page that stands for it."""
NOT_PAGES = ("requirements.in", "requirements.lock")


class DeadLinks(ValueError):
    """Links that lead nowhere, one a line."""


def stage(folder: Path) -> list[str]:
    """Make the folder anew and return its pages' paths; raises `DeadLinks`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder, ignore=shutil.ignore_patterns(*NOT_PAGES))
    made = reference.pages()
    for name, text in made.items():
        page = folder / "reference" / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
    for source, page_name in FROM_ELSEWHERE.items():
        shutil.copyfile(ROOT / source, folder / page_name)
    where = {f"docs/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if path.is_file()}
    site = {source: path.relative_to(folder).as_posix() for source, path in where.items()}
    site |= {**FROM_ELSEWHERE, **ALSO}
    sources = {page: source for source, page in FROM_ELSEWHERE.items()}
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    dead: list[str] = []
    for name in pages:
        source = sources.get(name, f"docs/{name}")
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(_turned(text, source, name, site, dead), encoding="utf-8")
    if dead:
        raise DeadLinks("\n".join(dead))
    return pages


_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"`[^`\n]+`|(!?)\[([^\[\]]*)\]\(([^()\s]+)\)")
"""Code within a line, which is left alone, or a link."""
_AMOUNT = re.compile(r"\d{1,3}(?: \d{3})+,\d\d")


def _turned(text: str, source: str, page: str, site: Mapping[str, str], dead: list[str]) -> str:
    """A text with its links turned from where it stands in the repository to where its page stands on the site."""

    def link(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        if target is None:
            return found[0]
        path, _, anchor = target.partition("#")
        if not path or ":" in path:
            return found[0]
        meant = normpath((PurePosixPath(source).parent / path).as_posix())
        if meant in site:
            there = relpath(site[meant], PurePosixPath(page).parent)
            return f"{mark}[{words}]({there}{'#' + anchor if anchor else ''})"
        if mark or not (ROOT / meant).exists():
            dead.append(f"{source}: {target} leads nowhere")
        return words if words.startswith("`") else f"{words} (`{meant}`)"

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else _AMOUNT.sub(_whole, _LINK.sub(link, part)) for part in parts)


def _whole(amount: re.Match[str]) -> str:
    """An amount that no line ends in the middle of."""
    return amount[0].replace(" ", "\u00a0")
