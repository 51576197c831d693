"""The command line as `python -m dcgan`."""

import sys

from dcgan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
