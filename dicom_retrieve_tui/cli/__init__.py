"""The command line: parse it, run a command, print what happens."""
