"""`up`: Dagster's UI on the configured companies, or on a demo that lives as long as this command.

The history is `orchestration.history`'s; here only Dagster's processes are started and ended.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cloudcollect_pipeline.cli.context import DEMO_FOLDER, write_private
from cloudcollect_pipeline.cli.exits import OK, USAGE, Stop
from cloudcollect_pipeline.cli.reports import served_here
from cloudcollect_pipeline.cli.screen import say, working
from cloudcollect_pipeline.settings import FILE_VARIABLE, find_file, load

ENDS_WITHIN = 20.0
"""Seconds that Dagster's processes have to end in."""
REPORTS_VARIABLE = "CLOUDCOLLECT_REPORTS__URL"
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


def run(port: int | None, *, outage: bool = False) -> int:
    """Open the UI; ends with Ctrl-C."""
    home = dagster_home()
    file = find_file(None, os.environ)
    if file is not None:
        if outage:
            raise Stop(f"--outage is the demo's, and {file} names real companies", USAGE)
        settings = load(file, os.environ)  # so that a problem is told here, and not in a web page
        with served_here(settings.data_dir) as url:
            served = {} if settings.reports.url else {REPORTS_VARIABLE: url}
            return _serve(home, {FILE_VARIABLE: str(file.absolute()), **served}, port or free_port(), str(file))
    with served_here(DEMO_FOLDER) as url, _demo(home, url, outage=outage) as environ:
        return _serve(home, environ, port or free_port(), f"the demo in {DEMO_FOLDER}")


@contextmanager
def _demo(home: Path, reports_url: str, *, outage: bool) -> Iterator[Mapping[str, str]]:
    """The demo's world, served, with its nights in Dagster's history."""
    os.environ["DAGSTER_HOME"] = str(home)
    say("No settings here: the demo company is opened. Its nights are run first if they are not in the history yet.")
    with ExitStack() as stack:
        with working("the demo's nights") as progress:
            from cloudcollect_pipeline.orchestration import history

            def tell(done: int, of: int, text: str) -> None:
                progress("history", f"{done} of {of}, {text}")

            environ = stack.enter_context(
                history.demo(DEMO_FOLDER, home, tell=tell, outage=outage, reports_url=reports_url)
            )
        yield environ


def _serve(home: Path, environ: Mapping[str, str], port: int, what: str) -> int:
    url = f"http://127.0.0.1:{port}"
    say(f"Dagster on {what}: [bold]{url}[/] in about half a minute; Ctrl-C ends it")
    arguments = ["dev", "--host", "127.0.0.1", "--port", str(port), "--workspace", str(home / "workspace.yaml")]
    stop = threading.Event()
    # Set before the start: a child inherits a signal that is ignored, as in a shell's background, and would never end.
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "dagster", *arguments, "--log-level", "warning"],
            cwd=home,
            env={**os.environ, **environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"},
            # A session of its own, so that it gets one signal to end by, from us.
            start_new_session=True,
        )
        while child.poll() is None and not stop.wait(0.2):
            pass
        if stop.is_set():
            return _end(child)
        raise Stop(f"Dagster ended by itself (code {child.returncode}); what it said stands above")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(child: "subprocess.Popen[bytes]") -> int:
    """Ask Dagster to end; after a while, make it."""
    say("Dagster ends")
    child.send_signal(signal.SIGINT)
    try:
        child.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return OK


def dagster_home() -> Path:
    """This folder, where it holds a dagster.yaml as the checkout does; else a folder below `data`, made for it."""
    here = Path.cwd()
    if (here / "dagster.yaml").is_file() and (here / "workspace.yaml").is_file():
        return here
    home = here / "data" / "dagster"
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
