"""The command line: parse arguments, wire the stages, print."""
