"""Error messages of the command line and of config files: option names and value ranges instead of Python types."""

import re
from collections.abc import Iterator
from dataclasses import fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dcgan.config.fields import Options, Range, option_name
from dcgan.core.errors import did_you_mean

_WRONG_VALUE = re.compile(r'Parser key "(\w+)"')
_UNKNOWN = re.compile(r"unrecognized arguments: (.+)|Option '(\w+)' is not accepted")
_NOT_BOOLEAN = re.compile(r"Value not boolean: (.*)\.$")
_GIVEN = (re.compile(r"(?:Got|Given) value: (.*)$"), re.compile(r"'([^']*)'$"), re.compile(r": (\S+) does not conform"))


def describe_error(config_class: type[Options], error: Exception) -> str:
    """Rewrite an error of the parser as one line that names the option and what it takes.

    Args:
        config_class: the dataclass of `dcgan.config` whose options were read.
        error: what the parser raised.

    Returns:
        The line; the text of the error itself where it is of no known form.
    """
    text = " ".join(str(error).split())
    hints = option_types(config_class)
    if (match := _WRONG_VALUE.match(text)) and match[1] in hints:
        hint = hints[match[1]]
        return f"{flag(match[1])} takes {expected_values(hint)}{_given_value(text, hint)}"
    if match := _UNKNOWN.match(text):
        name = (match[1] or flag(match[2])).split()[0].split("=")[0]
        if not name.startswith("-"):
            return f"Unexpected argument {name!r}."
        return f"There is no option {name}{did_you_mean(name, map(flag, hints))}"
    if match := _NOT_BOOLEAN.match(text):
        return f"An option that is on or off takes true or false, not {match[1]}."
    return text


def option_types(config_class: type[Options]) -> dict[str, Any]:
    """Return the type of every option of a config class by the option's name, `Annotated` metadata included."""
    hints = get_type_hints(config_class, include_extras=True)
    return {option_name(f): hints[f.name] for f in fields(config_class)}


def flag(name: str) -> str:
    """Return an option's name as it is typed, for example `--batch-size` for `batch_size`."""
    return f"--{name.replace('_', '-')}"


def expected_values(hint: Any) -> str:
    """Describe the values that an option of a type takes."""
    if choices := allowed_values(hint):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    alternatives = list(_alternatives(hint))
    ranges = [
        data for member in alternatives for data in getattr(member, "__metadata__", ()) if isinstance(data, Range)
    ]
    return ranges[0].description if ranges else "text" if str in alternatives else "a path"


def allowed_values(hint: Any) -> list[str]:
    """Return the choices of an option as text; empty if its values are not a fixed list."""
    return [
        str(choice) for member in _alternatives(hint) if get_origin(member) is Literal for choice in get_args(member)
    ]


def _alternatives(hint: Any) -> Iterator[Any]:
    """Yield the members of a union without None, or the type itself."""
    is_single = get_origin(hint) is Literal or hasattr(hint, "__metadata__") or not get_args(hint)
    yield from (member for member in ([hint] if is_single else get_args(hint)) if member is not NoneType)


def _given_value(text: str, hint: Any) -> str:
    """Return the end of the sentence about a wrong value: the value, and the choice that may have been meant."""
    given = next((found[1] for pattern in _GIVEN if (found := pattern.search(text))), None)
    if given is None:
        return "."
    return f", not {given}{did_you_mean(given, allowed_values(hint))}"


def describe_yaml_error(error: Exception) -> str:
    """Describe where a file is not valid YAML."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return "it is not valid YAML" + (f": {problem}, in line {mark.line + 1}." if mark and problem else ".")
