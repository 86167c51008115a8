"""Exit codes, and what is said when a command cannot go on."""

import errno
from collections.abc import Mapping

OK = 0
ERROR = 1
USAGE = 2
NEEDS_A_PERSON = 3
BLOCKED = 4

MEANINGS: Mapping[int, tuple[str, str]] = {
    OK: ("done", "It did what was asked. After a night: nothing waits for a person."),
    ERROR: (
        "error",
        "It could not go on: the lines on standard error say why, and what to do. From `doctor`, `journal verify` and "
        "`morning`: what they look at is not right.",
    ),
    USAGE: ("usage", "It was called wrongly: an option, a name or a date that it does not know."),
    NEEDS_A_PERSON: (
        "needs a person",
        "After a night, a plan or `morning`: it waits for approval, a finding asks for a person, or a night is "
        "missing. From `doctor`: a warning.",
    ),
    BLOCKED: (
        "blocked by a guard",
        "A guard stands in the way: writing is paused, the journal is quiet, another run is on, or the plan may not be "
        "sent.",
    ),
}
"""Code -> in short, and in a sentence: what `--help` and the documentation say."""


class Stop(Exception):
    """A command ends here: what to tell, and the exit code."""

    def __init__(self, text: str, code: int = ERROR) -> None:
        super().__init__(text)
        self.code = code


_KNOWN: Mapping[str, tuple[int, str]] = {
    "cloudcollect_pipeline.settings.SettingsError": (ERROR, "settings: "),
    "cloudcollect_pipeline.dispatch.lock.CompanyBusy": (BLOCKED, ""),
    "cloudcollect_pipeline.dispatch.dispatcher.NothingSent": (BLOCKED, "nothing was sent: "),
    "cloudcollect_pipeline.dispatch.journal.JournalError": (ERROR, "journal: "),
    "cloudcollect_pipeline.ledger.ledger.LedgerError": (ERROR, "ledger: "),
    "cloudcollect_pipeline.reporting.published.NotPublished": (ERROR, ""),
    "cloudcollect_pipeline.doctor.results.ResultsError": (ERROR, "doctor: "),
    "cloudcollect_pipeline.domain.errors.CounterpartyError": (ERROR, "counterparty: "),
    "cloudcollect_pipeline.sandbox.history.HistoryError": (ERROR, "history: "),
}
"""By name, so that telling an error imports nothing."""

_MENDS: Mapping[int, str] = {
    **dict.fromkeys((errno.ENOSPC, errno.EFBIG, errno.EDQUOT), "; free some space on its disk, then run again"),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR),
        "; let it be a folder that this user may write in, then run again",
    ),
}


_FILES: Mapping[tuple[str, str], str] = {
    ("_duckdb", "IOException"): "ledger",
    ("_duckdb", "FatalException"): "ledger",
    ("sqlite3", "DatabaseError"): "journal",
    ("sqlite3", "OperationalError"): "journal",
}
"""What is raised when a file cannot be read or written; other errors of these may quote data."""


def explain(error: Exception) -> tuple[list[str], int]:
    """The lines that tell an error, and its exit code; no lines for one that only a programmer can mend."""
    if isinstance(error, Stop):
        return str(error).splitlines(), error.code
    for kind in type(error).__mro__:
        known = _KNOWN.get(f"{kind.__module__}.{kind.__qualname__}")
        if known:
            code, before = known
            return [before + line for line in str(error).splitlines()], code
    file = _FILES.get((type(error).__module__, type(error).__name__))
    if file:
        return [f"{file}: {str(error).splitlines()[0]}; run again when its disk is sound and has space"], ERROR
    if isinstance(error, OSError):
        mend = _MENDS.get(error.errno or 0, "")
        return [f"{error.filename or 'file'}: {error.strerror or type(error).__name__}{mend}"], ERROR
    return [], ERROR
