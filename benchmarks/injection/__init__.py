"""Faults that are put into digitlab's own commands: kills before a change of a file, and damaged records."""
