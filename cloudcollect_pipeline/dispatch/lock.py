"""The company lock: one writer per company, held by a process from landing to reconciliation."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudcollect_pipeline.domain.clock import Clock


class CompanyBusy(Exception):
    """Another run holds the company; says who. Nothing was read or sent."""


@contextmanager
def company_lock(folder: Path, who: str, clock: Clock, *, patience: float = 600.0) -> Iterator[None]:
    """Hold the company's lock. Waits up to `patience` seconds for another run, then raises `CompanyBusy`.

    A kernel lock on an open file: it goes with the process however that ends, and never expires under a living one.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "company.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited >= patience:
                    holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip() or "another run"
                    raise CompanyBusy(
                        f"{folder.name} is held by {holder}; nothing was read or sent. "
                        "Wait for it to end, then run again."
                    ) from None
                clock.sleep(0.5)
                waited += 0.5
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
