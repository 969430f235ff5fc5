"""Digits over HTTP: reading pictures, classifying arrays, and the page to draw on."""

from digitlab.server.app import create_app
from digitlab.server.settings import Settings

__all__ = ["Settings", "create_app"]
