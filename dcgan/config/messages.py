"""What is wrong with an option, in words: the parser speaks of Python's types."""

import re
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

_WRONG_VALUE = re.compile(r'Parser key "(\w+)"')
_UNKNOWN = re.compile(r"unrecognized arguments: (.+)|Option '(\w+)' is not accepted")
_NO_BOOLEAN = re.compile(r"Value not boolean: (.*)\.$")
_GIVEN = (re.compile(r"(?:Got|Given) value: (.*)$"), re.compile(r"'([^']*)'$"), re.compile(r": (\S+) does not conform"))


def describe_error(kind: type, error: Exception) -> str:
    """One line that names the option and says what it takes.

    Args:
        kind: the dataclass of `dcgan.config` whose options were read.
        error: what the parser raised.
    """
    said = " ".join(str(error).split())
    hints = get_type_hints(kind)
    if (wrong := _WRONG_VALUE.match(said)) and wrong[1] in hints:
        hint = hints[wrong[1]]
        return f"{option(wrong[1])} takes {expected(hint)}{_instead(said, hint)}"
    if unknown := _UNKNOWN.match(said):
        name = (unknown[1] or option(unknown[2])).split()[0].split("=")[0]
        if not name.startswith("-"):
            return f"{name!r} belongs to no option."
        return f"There is no option {name}{did_you_mean(name, [option(f.name) for f in fields(kind)])}"
    if wrong := _NO_BOOLEAN.match(said):
        return f"What is on or off takes true or false, not {wrong[1]}."
    return said


def expected(hint: Any) -> str:
    """What an option of a type may be given."""
    if choices := allowed_values(hint):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    kinds = [kind for kind in get_args(hint) or [hint] if kind is not NoneType]
    return "a text" if str in kinds else "a path" if Path in kinds else kinds[0].__doc__


def _instead(said: str, hint: Any) -> str:
    """What was given in place of that, as the sentence's end, and which choice may have been meant."""
    given = next((found[1] for pattern in _GIVEN if (found := pattern.search(said))), None)
    if given is None:
        return "."
    return f", not {given}{did_you_mean(given, allowed_values(hint))}"


def allowed_values(hint: Any) -> list[str]:
    """The values an option is one of; none where it may have any."""
    kinds = (hint, *get_args(hint))
    return [str(choice) for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """The end of a sentence that refuses `given`: the name that is most like it, or just a full stop."""
    by_letters = {name.casefold(): name for name in names}
    near = get_close_matches(given.casefold(), by_letters, n=1)
    return f"; did you mean {by_letters[near[0]]}?" if near else "."


def describe_yaml_error(error: yaml.YAMLError) -> str:
    """Where a file stops being YAML."""
    mark = getattr(error, "problem_mark", None)
    return "it is no YAML" + (f": {error.problem}, in line {mark.line + 1}." if mark and error.problem else ".")


def option(name: str) -> str:
    """A field's name as it is typed."""
    return f"--{name.replace('_', '-')}"
