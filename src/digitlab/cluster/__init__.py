"""The same work on more than one machine: Ray runs it, and every result is that of one machine."""
