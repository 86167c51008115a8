"""`up`: Dagster's UI on the configured companies, or on a demo that lives as long as this command.

The history is `orchestration.history`'s; here only Dagster's processes are started and ended.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cloudcollect_pipeline.cli.context import DEMO_FOLDER, write_private
from cloudcollect_pipeline.cli.exits import ERROR, OK
from cloudcollect_pipeline.cli.screen import say, working
from cloudcollect_pipeline.settings import FILE_VARIABLE, find_file, load

WORKSPACE = """\
load_from:
  - python_module:
      module_name: cloudcollect_pipeline.definitions
      location_name: cloudcollect_pipeline
"""
INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_retries:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: run
"""
"""Only where there is no checkout with a dagster.yaml of its own."""


def run(port: int | None) -> int:
    """Open the UI; ends with Ctrl-C."""
    home = dagster_home()
    file = find_file(None, os.environ)
    if file is not None:
        load(file, os.environ)  # so that a problem is told here, and not in a web page
        return _serve(home, {FILE_VARIABLE: str(file.absolute())}, port or free_port(), str(file))
    with _demo(home) as environ:
        return _serve(home, environ, port or free_port(), f"the demo in {DEMO_FOLDER}")


@contextmanager
def _demo(home: Path) -> Iterator[Mapping[str, str]]:
    """The demo's world, served, with its nights in Dagster's history."""
    os.environ["DAGSTER_HOME"] = str(home)
    say("No settings here: the demo company is opened. Its nights are run first if they are not in the history yet.")
    with ExitStack() as stack:
        with working("the demo's nights") as progress:
            from cloudcollect_pipeline.orchestration import history

            def tell(done: int, of: int, text: str) -> None:
                progress("history", f"{done} of {of}, {text}")

            environ = stack.enter_context(history.demo(DEMO_FOLDER, home, tell=tell))
        yield environ


def _serve(home: Path, environ: Mapping[str, str], port: int, what: str) -> int:
    url = f"http://127.0.0.1:{port}"
    say(f"Dagster on {what}: [bold]{url}[/] in about half a minute; Ctrl-C ends it")
    arguments = ["dev", "--host", "127.0.0.1", "--port", str(port), "--workspace", str(home / "workspace.yaml")]
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "dagster", *arguments, "--log-level", "warning"],
        cwd=home,
        env={**os.environ, **environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"},
        # A session of its own, so that it gets one signal to end by, from us.
        start_new_session=True,
    )

    def end(number: int, frame: object) -> None:
        child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return OK if child.returncode in (0, -signal.SIGINT, 130) else ERROR


def dagster_home() -> Path:
    """The checkout with dagster.yaml: this folder or the package's own; else a folder below `data`, made for it."""
    for folder in (Path.cwd(), Path(__file__).parents[2]):
        if (folder / "dagster.yaml").is_file() and (folder / "workspace.yaml").is_file():
            return folder
    home = Path("data/dagster").absolute()
    for name, text in (("dagster.yaml", INSTANCE), ("workspace.yaml", WORKSPACE)):
        if not (home / name).exists():
            write_private(home / name, text)
    return home


def free_port() -> int:
    """A port that is free now: Dagster's usual one if it is."""
    for wanted in (3000, 0):
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listening.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(listening.getsockname()[1])
    raise OSError("no port is free")
