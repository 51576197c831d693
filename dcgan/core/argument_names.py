"""Names of options in messages: as they are typed on a command line, or as arguments in Python."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_OPTION = re.compile(r"(?<![\w-])--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*)(?:[ =](?P<value>[^\s`]*[^\s`.,;:)]))?")
_CODE = re.compile(r"`([^`]*)`")

_WORDS = ("all", "auto", "cpu", "each", "gpu", "none")
"""Values that look like words of a sentence, of options that take any text."""


@dataclass(frozen=True)
class Argument:
    """An option as Python knows it.

    Args:
        name: the field of the config class.
        kind: `switch`, `number` or `text`.
        choices: all values of a text, where they are a fixed list.
    """

    name: str
    kind: str
    choices: tuple[str, ...] = ()


_sources: list[Callable[[], Mapping[str, Argument]]] = []
_is_typed = False


def register_options(arguments: Callable[[], Mapping[str, Argument]]) -> None:
    """Make options known; it is asked for them when the first message needs them.

    Args:
        arguments: returns the arguments by option, for example `batch-size`, without its two hyphens.
    """
    _sources.append(arguments)


@contextlib.contextmanager
def options_are_typed() -> Iterator[None]:
    """Let `in_context` leave options as they are typed in this block, in all threads: a command line is running."""
    global _is_typed
    before, _is_typed = _is_typed, True
    try:
        yield
    finally:
        _is_typed = before


def in_context(text: str) -> str:
    """Return a message with its options as the reader gives them: typed on a command line, otherwise as arguments."""
    return text if _is_typed else as_arguments(text)


def as_arguments(text: str) -> str:
    """Return a message with arguments of Python for the options that it names.

    `--batch-size 64` becomes `batch_size=64`, `--overwrite` becomes `overwrite=True`, `--no-animate` becomes
    `animate=False`, and `--data-dir` becomes `data_dir`, in backquotes. Whole command lines in backquotes stay, and so
    do options of other programs.

    Args:
        text: a message of the command line.
    """
    known: dict[str, Argument] = {}
    for source in _sources:
        known |= source()
    parts = _CODE.split(text)  # every second part was in backquotes
    for index, part in enumerate(parts):
        is_code = index % 2 == 1
        if not is_code:
            parts[index] = _OPTION.sub(lambda match: _argument(match, known, "`"), part)
        elif part.startswith("--"):
            parts[index] = f"`{_OPTION.sub(lambda match: _argument(match, known, ''), part)}`"
        else:
            parts[index] = f"`{part}`"
    return "".join(parts)


def _argument(match: re.Match[str], known: Mapping[str, Argument], quote: str) -> str:
    """Return what stands for an option, and for its value if the word after it is one."""
    value = match["value"] or ""
    rest = match[0][match.end("name") - match.start() :]
    if (argument := known.get((match["no"] or "") + match["name"])) is not None:
        is_value = argument.kind != "switch" and _is_value(argument, value)
        setting = "=True" if argument.kind == "switch" else f"={_literal(value)}" if is_value else ""
    elif match["no"] and (argument := known.get(match["name"])) is not None and argument.kind == "switch":
        is_value, setting = False, "=False"
    else:
        return match[0]
    return f"{quote}{argument.name}{setting}{quote}{'' if is_value else rest}"


def _is_value(argument: Argument, word: str) -> bool:
    """Whether a word after an option is its value, and not the next one of the sentence."""
    if argument.choices:
        return word in argument.choices
    if argument.kind == "number":
        return bool(re.fullmatch(r"[-+]?[\d.][\d.e+-]*", word))
    return word in _WORDS or bool(re.search(r"[^a-z'\"(-]", word))


def _literal(value: str) -> str:
    """Return a value as it is written in Python."""
    if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value):
        return value
    return '"' + value.strip("'\"").replace("\\", "\\\\") + '"'
