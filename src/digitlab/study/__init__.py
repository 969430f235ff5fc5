"""Whole runs: the verbs that make a run folder, stage by stage, each resumable."""
