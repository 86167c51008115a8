"""Terminal pictures for the documentation, from real runs: `make pictures` writes `docs/pictures/terminal-*.svg`.

The demo is played in a folder of its own, then the commands are called on what it left behind. What they print is
drawn by rich as it stands, without the font that its template would fetch from elsewhere.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tools.docs.site import DOCS

PICTURES: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "status": ("status",),
    "plan": ("plan",),
    "explain": ("explain", "100665"),
    "findings": ("findings", "list"),
    "finding": ("findings", "show", "3"),
}
"""Name of the picture -> what is typed after `cloudcollect`, in this order."""
WIDEST = 132
"""Columns of a picture; longer lines are broken."""
_FETCHED = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    """Play the demo and draw every picture."""
    with tempfile.TemporaryDirectory() as folder:
        for name, words in PICTURES.items():
            picture = draw(words, said(words, Path(folder)))
            (DOCS / "pictures" / f"terminal-{name}.svg").write_text(picture, encoding="utf-8")
            print(f"docs/pictures/terminal-{name}.svg")


def said(words: tuple[str, ...], folder: Path) -> str:
    """What a command prints on a terminal with colours, in a folder without settings."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CLOUDCOLLECT_")}
    scripts = Path(sys.executable).parent
    environment |= {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}  # so that it calls itself by its bare name
    environment |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    typed = [str(scripts / "cloudcollect"), *words]
    return subprocess.run(typed, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def draw(words: tuple[str, ...], output: str) -> str:
    """An SVG of a terminal in which the command was typed."""
    text = Text.from_ansi(output)
    width = min(WIDEST, max(len(line) for line in text.plain.splitlines()) + 1)
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "green"), (f"cloudcollect {' '.join(words)}", "bold")))
    console.print(text)
    name = f"terminal-{words[0]}"
    return _FETCHED.sub("", console.export_svg(title="cloudcollect", theme=MONOKAI, unique_id=name)) + "\n"


if __name__ == "__main__":
    main()
