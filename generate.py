"""Generate images from a trained generator: `python generate.py --help`."""

import sys

from dcgan.cli.main import run_command

if __name__ == "__main__":
    sys.exit(run_command("generate", sys.argv[1:], prog="python generate.py"))
