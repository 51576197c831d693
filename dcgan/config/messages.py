"""Error messages of the command line and of config files: option names and value ranges instead of Python types."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dcgan.config.fields import Options, Range, option_name
from dcgan.core.argument_names import Argument, register_options
from dcgan.core.errors import did_you_mean
from dcgan.core.paths import typed_path

_WRONG_VALUE = re.compile(r'Parser key "(\w+)"')
_UNKNOWN = re.compile(r"unrecognized arguments: (.+)|Option '(\w+)' is not accepted")
_NOT_BOOLEAN = re.compile(r"Value not boolean: (.*)\.$")
_SWITCH_WITH_VALUE = re.compile(r"argument (--[\w-]+)/(--[\w-]+): ignored explicit argument (.+)")
_NO_VALUE = re.compile(r"argument (--[\w-]+): expected one argument")


def describe_error(
    config_class: type[Options], error: Exception, given: Mapping[str, str], words: Sequence[str] = ()
) -> str:
    """Rewrite an error of the parser as one line that names the option and what it takes.

    Args:
        config_class: the dataclass of `dcgan.config` whose options were read.
        error: what the parser raised.
        given: the text of every value that was given, by option.
        words: the command line, which tells where a name with blanks ends.

    Returns:
        The line; the text of the error itself where it is of no known form.
    """
    text = " ".join(str(error).split())
    hints = option_types(config_class)
    if (match := _WRONG_VALUE.match(text)) and match[1] in hints:
        return _describe_wrong_value(flag(match[1]), hints[match[1]], given.get(flag(match[1])))
    if (match := _NO_VALUE.match(text)) and match[1] in (by_flag := {flag(name): hints[name] for name in hints}):
        following = given.get(match[1], "")
        form = f" One that starts with a hyphen is given as {match[1]}={following}" if following[:1] == "-" else ""
        return f"{match[1]} takes {expected_values(by_flag[match[1]])}, but has no value.{form}"
    if match := _SWITCH_WITH_VALUE.match(text):
        return f"{match[1]} takes no value, not {match[3]}; {match[2]} turns it off."
    if match := _UNKNOWN.match(text):
        unknown = match[1] or flag(match[2])
        name = unknown.split()[0].split("=")[0]
        if not name.startswith("-"):
            name = max((word for word in words if word and unknown.startswith(word)), key=len, default=name)
            return f"Unexpected argument {name!r}{_pattern_advice(name, hints, given)}"
        return f"There is no option {name}{did_you_mean(name, map(flag, hints))}"
    if match := _NOT_BOOLEAN.match(text):
        names = [flag(name) for name, hint in hints.items() if hint in (bool, bool | None)]
        option = next((f"{name}: " for name in names if given.get(name) == match[1]), "")
        return f"{option}An option that is on or off takes true or false, not {match[1]}."
    return text


def _pattern_advice(extra: str, hints: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """Return the end of the message about an argument that a shell may have put in the place of a pattern."""
    for name, hint in hints.items():
        if (value := given.get(flag(name))) and Path(value).parent == Path(extra).parent != Path():
            if expected_values(hint) == "a path":
                folder = typed_path(Path(value).parent)
                return f": {flag(name)} takes one path. If a pattern was meant, name the folder: {flag(name)} {folder}"
            return f": {flag(name)} takes one value; several are separated by commas."
    return "."


def option_types(config_class: type[Options]) -> dict[str, Any]:
    """Return the type of every option of a config class by the option's name, `Annotated` metadata included."""
    hints = get_type_hints(config_class, include_extras=True)
    return {option_name(f): hints[f.name] for f in fields(config_class)}


def _all_arguments() -> dict[str, Argument]:
    """Return the arguments of all config classes by option, as `UserError` names them in Python."""
    known: dict[str, Argument] = {}
    for config_class in _subclasses(Options):
        hints = get_type_hints(config_class, include_extras=True)
        for f in fields(config_class):
            option = flag(option_name(f)).removeprefix("--")
            argument = Argument(f.name, _kind(hints[f.name]), tuple(allowed_values(hints[f.name])))
            # An option of several commands that takes different values may be given as any text.
            known[option] = argument if known.get(option, argument) == argument else Argument(f.name, "text")
    return known


register_options(_all_arguments)


def _subclasses(base: type[Options]) -> Iterator[type[Options]]:
    for config_class in base.__subclasses__():
        yield config_class
        yield from _subclasses(config_class)


def _kind(hint: Any) -> str:
    """Return the kind of an `Argument` of a type."""
    types = {getattr(member, "__origin__", member) for member in _alternatives(hint)}
    return "switch" if bool in types else "number" if types <= {int, float} else "text"


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


def _describe_wrong_value(option: str, hint: Any, given: str | None) -> str:
    """Return what an option takes and what it was given, with the choice that may have been meant."""
    end = "." if given is None else f", not {given}{did_you_mean(given, allowed_values(hint))}"
    return f"{option} takes {expected_values(hint)}{end}"


def describe_yaml_error(error: Exception) -> str:
    """Describe where a file is not valid YAML."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return "it is not valid YAML" + (f": {problem}, in line {mark.line + 1}." if mark and problem else ".")
