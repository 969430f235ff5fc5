"""Faults put into digitlab's own commands: kills before a chosen change of a file, and how their outcome is compared."""
