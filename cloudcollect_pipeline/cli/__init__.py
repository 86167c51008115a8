"""The command line: thin commands over the night, the journal and the published snapshot.

Each command is declared in `app` and done in a module of its own, imported when it is called: nothing slow
is imported for `--help`.
"""

import os


def main() -> None:
    """Entry point of `cloudcollect`: whatever a command meets becomes one clear line and an exit code."""
    from cloudcollect_pipeline.cli.app import app
    from cloudcollect_pipeline.cli.exits import explain

    os.umask(0o077)
    try:
        app()
    except Exception as error:
        lines, code = explain(error)
        if not lines:
            raise
        from cloudcollect_pipeline.cli.screen import complain

        complain(lines)
        raise SystemExit(code) from None
