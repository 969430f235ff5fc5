"""Lanes: processes of one thread each that do training jobs side by side."""
