"""Reads that may take the ERP minutes, asked for in the background: it answers 202, works, and is asked until done.

Only reads: what a lost answer to a write did must be learnt by our reference, and a job's id would be one more thing
to lose. A state's location is never followed, since it could lead anywhere; its address is made from the job's id.
"""

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from cloudcollect_pipeline.domain.errors import Permanent, Transient, Unreadable
from cloudcollect_pipeline.web import Answer, Web

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds between two looks at a job: doubled each time, so that the same request is not made a sixth time a minute."""
PATIENCE = 1800.0
"""Seconds after which a job is given up for the night."""
TRANSIENT = (408, 429)
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class Reader(Protocol):
    """What answers reads: a `Web`, or one that asks in the background."""

    def read(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """GET a 2xx answer."""
        ...


class _Job(msgspec.Struct, rename="camel"):
    id: str = ""
    status: str = ""
    status_code: int | None = None


class Background:
    """Answers reads like the `Web` under it, by way of a job of the ERP."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def read(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Answer:
        """GET a 2xx answer. Transient where the job failed or vanished in a way that another night could mend."""
        answer = self._web.read(path, params, headers={"erp-api-background": "subscription"})
        if answer.status != 202:
            return answer  # it did not take long
        where = f"GET {path} in the background"
        name = _job(answer, where).id
        if not _ID.fullmatch(name):
            raise Unreadable(f"{where}: the job has no id")
        self._wait(f"/v1/background/{name}", where)
        content = self._web.read(f"/v1/background/{name}/content", also=(404, 410))
        if content.status >= 300:
            raise Transient(f"{where}: its content is gone ({content.status})")
        return content

    def _wait(self, state: str, where: str) -> None:
        waited, wait = 0.0, FIRST_WAIT
        while waited < PATIENCE:
            self._web.clock.sleep(wait)
            waited, wait = waited + wait, min(2 * wait, LONGEST_WAIT)
            answer = self._web.read(state, also=(404,))
            if answer.status == 404:
                raise Transient(f"{where}: the job is not known any more")
            job = _job(answer, where)
            if job.status == "Started":
                continue
            code = job.status_code
            if job.status == "Finished" and (code is None or code < 300):
                return
            if job.status not in ("Finished", "Failed"):
                raise Unreadable(f"{where}: the job's state is none of those promised")
            if code is None or code in TRANSIENT or code >= 500:
                raise Transient(f"{where} failed ({code})")
            raise Permanent(f"{where} answered {code}")
        raise Transient(f"{where} was not done in {PATIENCE / 60:.0f} minutes")


def _job(answer: Answer, where: str) -> _Job:
    try:
        return msgspec.json.decode(answer.body, type=_Job)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(f"{where}: not the state of a job") from None
