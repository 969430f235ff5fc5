"""digitlab's own version, read from the installed package.

Not among the names of `digitlab.runs`: importing what reads it takes as long as reading a digit.
"""

from __future__ import annotations

from importlib import metadata

try:
    VERSION = metadata.version("digitlab")
except metadata.PackageNotFoundError:  # a source tree on the path, not installed
    VERSION = "0+unknown"
