"""Train a DCGAN: `python train.py --help`."""

import sys

from dcgan.cli.main import run_command

if __name__ == "__main__":
    sys.exit(run_command("train", sys.argv[1:], prog="python train.py"))
