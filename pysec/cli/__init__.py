"""Why this exists: one command, `pysec`; each subcommand is a module that parses arguments and prints."""
