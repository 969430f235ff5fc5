"""The command line: a module a verb, each parses, calls one function and prints."""
