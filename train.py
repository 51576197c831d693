"""Train a DCGAN: `python train.py --help`."""

import sys

from dcgan.cli.main import run

if __name__ == "__main__":
    sys.exit(run("train"))
