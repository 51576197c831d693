"""A process that waits while another one imports TensorFlow, and says why if that one dies of it.

Run by its path, with standard input as a pipe from the process that imports: it ends with the word `done` after the
import, and without it if that process was ended. Standard error is that of the terminal; the first argument is the
file descriptor (on other systems than Windows) of what the import has printed until then.
"""

import os
import sys


def main() -> None:
    """Wait for the end of the import; print its last words and an explanation unless it was a good one."""
    if sys.stdin.buffer.read() == b"done":
        return
    captured = int(sys.argv[1])
    last_words = os.pread(captured, os.fstat(captured).st_size, 0).decode("utf-8", "replace")
    print(f"{last_words.rstrip()}\n{explain(last_words)}".lstrip(), file=sys.stderr)


def explain(last_words: str) -> str:
    """Return in one line why the import may have ended the process, and what to do.

    Args:
        last_words: what it printed.
    """
    if "AVX" in last_words or lacks_avx():
        return (
            "error: TensorFlow ended the process: it needs a processor with AVX instructions, which this one does not "
            "have. Use another machine, or a build of TensorFlow for this processor."
        )
    return (
        "error: The process ended while TensorFlow was imported. Try `python -c 'import tensorflow'`; if that fails as "
        "well, install it again: pip install --force-reinstall tensorflow==2.21.0"
    )


def lacks_avx(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Return whether Linux reports an x86 processor without AVX.

    Args:
        cpuinfo: where it reports its processors.
    """
    try:
        with open(cpuinfo, encoding="utf-8") as file:  # noqa: PTH123  (without pathlib, this process starts faster)
            flags = next((line.split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return bool(flags) and "avx" not in flags


if __name__ == "__main__":
    main()
