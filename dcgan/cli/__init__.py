"""The command line: `main.py` runs it, `commands.py` lists the commands."""
