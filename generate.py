"""Draw pictures from a trained generator: `python generate.py --help`."""

import sys

from dcgan.cli.main import run

if __name__ == "__main__":
    sys.exit(run("generate"))
