"""DuckDB without pandas, for commands that a person waits for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_pandas() -> Iterator[None]:
    """Let queries with values not import pandas: DuckDB does, to see whether a value is one of its kind.

    That takes longer than all that such a command asks. Inside nothing can be made a frame.
    """
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # how Python is told that there is no such module
    try:
        yield
    finally:
        del sys.modules["pandas"]
