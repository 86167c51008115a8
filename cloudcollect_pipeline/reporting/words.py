"""The texts of the reports, in English and Norwegian: one catalogue, `words.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from cloudcollect_pipeline.domain.finding import CATALOGUE

LANGUAGES: Mapping[str, str] = {"en": "en_GB", "nb": "nb_NO"}
"""Language -> the locale of its amounts and dates."""


Words = Mapping[str, str]
"""Name -> text."""


class UnknownLanguage(ValueError):
    """There are no texts in this language; says which there are."""


@cache
def words(language: str) -> Words:
    """Name -> text (`column.customer`, `cause.equal`); raises `UnknownLanguage`.

    What findings mean and ask for stands in their own catalogue: `reason.CODE`, `fix.CODE`.
    """
    if language not in LANGUAGES:
        raise UnknownLanguage(f"there are no reports in {language}; there are {' and '.join(LANGUAGES)}")
    told = {f"{group}.{name}": texts[language] for group, names in catalogue().items() for name, texts in names.items()}
    for code, reason in CATALOGUE.items():
        told[f"reason.{code}"], told[f"fix.{code}"] = reason.told(language)
    return told


@cache
def catalogue() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Group -> name -> language -> text, as written."""
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
