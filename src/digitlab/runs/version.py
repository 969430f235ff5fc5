"""digitlab's own version, read from the installed package."""

from __future__ import annotations

from importlib import metadata

try:
    VERSION = metadata.version("digitlab")
except metadata.PackageNotFoundError:  # a source tree on the path, not installed
    VERSION = "0+unknown"
