"""Put the pages of the site together; `zensical build --strict` makes the site of them (`make docs` does both)."""

import sys

from tools.docs.site import STAGED, DeadLinks, stage

try:
    pages = stage(STAGED)
except DeadLinks as dead:
    sys.exit(str(dead))
print(f"{len(pages)} pages in {STAGED.name}")
