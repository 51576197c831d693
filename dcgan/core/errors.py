"""The exception for mistakes of the user, and parts of its message."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from dcgan.core.argument_names import in_context
from dcgan.core.printable import printable


class UserError(Exception):
    """A mistake that the user can fix.

    The command line prints the problem and the hint without a traceback and exits with code 2. Both name options as
    they are typed there; as text, the error names the arguments of the config classes instead unless a command line is
    running: `batch_size=64` for `--batch-size 64`.

    Args:
        problem: what is wrong, in one line that names the file, option or value; control characters are escaped, and
            the middle of words that no line could hold is left out.
        hint: what to do about it, in one line; empty if the problem says it all.
    """

    def __init__(self, problem: str, hint: str = ""):
        self.problem = _without_long_words(printable(problem))
        self.hint = _without_long_words(printable(hint))
        super().__init__(self.problem)

    def __str__(self) -> str:
        return in_context("\n".join(line for line in (self.problem, self.hint) if line))


def _without_long_words(text: str) -> str:
    return re.sub(r"(\S{100})\S{200,}(\S{20})", r"\1…\2", text)


@contextlib.contextmanager
def errors_about(option: str) -> Iterator[None]:
    """Let a `UserError` that the block raises name an option, unless it does.

    Args:
        option: as it is typed, for example `--seeds`.
    """
    try:
        yield
    except UserError as error:
        if option in error.problem:
            raise
        raise UserError(f"{option}: {error.problem}", error.hint) from error


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """Return the end of a sentence that rejects a name.

    Args:
        given: the unknown name.
        names: the known names.

    Returns:
        `"; did you mean X?"` with the most similar known name, or `"."` if none is similar.
    """
    by_folded_name = {name.casefold(): name for name in names}
    similar = get_close_matches(given.casefold(), by_folded_name, n=1)
    return f"; did you mean {by_folded_name[similar[0]]}?" if similar else "."


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, at most 200 characters; the error's type if it has no message.

    Args:
        error: what another library raised.
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def ran_out_of_memory(error: Exception) -> bool:
    """Whether an exception means that memory ran out: Python's own, or TensorFlow's, which is not imported here.

    Args:
        error: what a command raised.
    """
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
