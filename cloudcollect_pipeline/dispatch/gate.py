"""The gate before dispatch: a stored plan that is automatic or approved, not superseded, at most a day old.

And of what was read since a new or restored journal asks both sides: a run that stood still while that time passed
knows no more than before it.
"""

from datetime import datetime, timedelta

from cloudcollect_pipeline.dispatch.dispatcher import NothingSent
from cloudcollect_pipeline.dispatch.journal import Journal

PLAN_LIFE = timedelta(hours=24)


def dispatchable(journal: Journal, now: datetime, plan_hash: str | None = None) -> str:
    """The hash of the plan that may be carried out now; raises `NothingSent` with what to do when there is none."""
    if plan_hash is None:
        newest = journal.plans(1)
        if not newest:
            raise NothingSent("there is no plan; run plan_only first")
        plan = newest[0]
    else:
        found = [p for p in journal.plans(500) if p["hash"].startswith(plan_hash)] if len(plan_hash) >= 8 else []
        if len(found) != 1:
            raise NothingSent(
                f"no stored plan is named {plan_hash}; `cloudcollect plan` shows the newest (8 characters at least)"
            )
        plan = found[0]
    made_at, quiet = datetime.fromisoformat(plan["made_at"]), journal.quiet_until()
    if quiet is not None and made_at < quiet <= now:
        raise NothingSent(
            f"plan {plan['hash'][:12]} was made while nothing might be written: the journal is new or restored, and "
            "what was read before cannot tell what it forgot; make a new one"
        )
    if now - made_at > PLAN_LIFE:
        raise NothingSent(f"plan {plan['hash'][:12]} is older than 24 hours; make a new one")
    if plan["state"] == "superseded":
        raise NothingSent(f"plan {plan['hash'][:12]} has been superseded by a newer one")
    if plan["state"] == "stored" and plan["verdict"] != "automatic":
        raise NothingSent(f"plan {plan['hash'][:12]} waits for approval: `cloudcollect approve {plan['hash'][:12]}`")
    return str(plan["hash"])


def approve(journal: Journal, now: datetime, who: str, plan_hash: str) -> str:
    """A person approves a stored plan; returns its full hash. Raises `NothingSent` when it cannot be approved."""
    try:
        return dispatchable(journal, now, plan_hash)
    except NothingSent as reason:
        if "waits for approval" not in str(reason):
            raise
    found = next(p for p in journal.plans(500) if p["hash"].startswith(plan_hash))
    journal.mark_plan(found["hash"], "approved", now, who)
    return str(found["hash"])
