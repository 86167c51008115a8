"""What a probe has settled about one company's ERP: a small file in the company's folder, of one tenant."""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

FILE = "probed.json"


class Result(NamedTuple):
    """An answer, what it means, and when (ISO, UTC) and by what (reads or writes) it was found."""

    value: str
    says: str
    at: str
    by: str


class ResultsError(Exception):
    """The file of answers cannot be used; says how to go on."""


def load(folder: Path, tenant: str) -> dict[str, Result]:
    """The answers about a tenant by point; none where nothing was asked, or another tenant was."""
    file = folder / FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["tenant"] != tenant:
            return {}
        return {key: Result(*(str(result[name]) for name in Result._fields)) for key, result in told["points"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ResultsError(f"{file} is damaged: delete it and run `cloudcollect doctor --probe` again") from None


def keep(folder: Path, tenant: str, found: Mapping[str, tuple[str, str]], at: datetime, by: str) -> dict[str, Result]:
    """Add answers (value, meaning) to the file and return all. One without a value does not replace one with it."""
    known = load(folder, tenant)
    for key, (value, says) in found.items():
        if value or not (key in known and known[key].value):
            known[key] = Result(value, says, at.isoformat(), by)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = folder / f"{FILE}.partial"
    told = {"tenant": tenant, "points": {key: result._asdict() for key, result in sorted(known.items())}}
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file, indent=2, ensure_ascii=False)
    partial.replace(folder / FILE)
    return known
