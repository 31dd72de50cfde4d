"""The bundle's server, on standard input and output."""

from __future__ import annotations

import sys

from server import main

if __name__ == "__main__":
    sys.argv[1:] = ["serve"]
    main()
