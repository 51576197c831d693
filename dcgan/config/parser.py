"""Conversion of the config dataclasses to command lines and YAML files, and back."""

import codecs
import functools
import glob
import itertools
import operator
import os
import sys
from argparse import SUPPRESS, Action
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import docstring_parser
import yaml
from jsonargparse import ActionYesNo, ArgumentError, ArgumentParser, DefaultHelpFormatter
from jsonargparse.typing import restricted_number_type

from dcgan.config.fields import Options, Range, option_name
from dcgan.config.messages import (
    allowed_values,
    describe_error,
    describe_yaml_error,
    expected_values,
    flag,
    option_types,
)
from dcgan.core.errors import UserError
from dcgan.core.paths import typed_path

Config = TypeVar("Config", bound=Options)
PARSER_ERRORS = (ArgumentError, OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError, yaml.YAMLError)
"""What the parser raises on an unknown option, a wrong value or a file that is not YAML."""

MAX_CONFIG_BYTES = 1 << 20
"""Largest config file that is read; one with all options has 2,000 bytes."""


def parser_for(config_class: type[Options], prog: str) -> ArgumentParser:
    """Build the command-line parser of a config class: one option per field, with help from the docstring's `Args`.

    Args:
        config_class: a dataclass of `dcgan.config`.
        prog: program and command for the usage line, for example `"dcgan train"`.
    """
    parser = ArgumentParser(
        prog=prog,
        usage=f"{prog} [options]",
        description=_description(config_class),
        formatter_class=_HelpFormatter,
        exit_on_error=False,
        print_config="--print-config",
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the options below.")
    helps, types, groups = _help_texts(config_class), option_types(config_class), {}
    for field in fields(config_class):
        name, title = option_name(field), field.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        groups[title].add_argument(flag(name), default=field.default, help=helps[field.name], **_value(types[name]))
    return parser


def _value(hint: Any) -> dict[str, Any]:
    """Return the arguments of `add_argument` that say what an option takes."""
    if hint in (bool, bool | None):
        return {"action": ActionYesNo(no_prefix="no-")}
    choices = allowed_values(hint)
    shown = {"metavar": f"{{{','.join(choices)}}}"} if choices and get_origin(hint) is not Literal else {}
    return {"type": _restricted(hint), **shown}


def _restricted(hint: Any) -> Any:
    """Replace a number with a `Range`, alone or in a union, by a type that jsonargparse checks."""
    if get_origin(hint) is Annotated:
        number, limits = get_args(hint)
        return _restricted_type(number, limits)
    if get_origin(hint) is Literal or not get_args(hint):
        return hint
    return functools.reduce(operator.or_, map(_restricted, get_args(hint)))


@functools.cache
def _restricted_type(number: type, limits: Range) -> Any:
    """Create the type; `!= -1` always holds and keeps it apart from the types that jsonargparse defines."""
    return restricted_number_type(None, number, [*limits.restrictions, ("!=", -1)])


class _HelpFormatter(DefaultHelpFormatter):
    """Help without Python types, and with defaults where an option has one."""

    def _format_action_invocation(self, action: Action) -> str:
        return super()._format_action_invocation(action).replace(" \b", "")  # of jsonargparse, for terminals

    def _get_help_string(self, action: Action) -> str:
        if "--print-config" in action.option_strings:
            return "print all options as YAML for --config and exit."
        if action.default is True:
            return f"{action.help} (on by default)"
        has_default = action.default not in (None, False, SUPPRESS)
        return f"{action.help}{' (default: %(default)s)' if has_default else ''}"


def parse(config_class: type[Config], arguments: list[str], prog: str) -> Config:
    """Parse a command line.

    Args:
        config_class: a dataclass of `dcgan.config`.
        arguments: the arguments after the command.
        prog: program and command for the usage line.

    Returns:
        The config; options that were not given have their defaults.

    Raises:
        UserError: an option is unknown or has a wrong value, on the command line or in the file of `--config`.
        SystemExit: after `--help` and `--print-config`.
    """
    parser, hint = parser_for(config_class, prog), f"`{prog} --help` lists the options."
    for previous, argument in zip(["", *arguments], arguments, strict=False):
        _check_argument(previous, argument, hint)
    files = _config_files(arguments)
    try:
        for file in files:
            _read_text(file)
        config = _build(config_class, parser.parse_args(arguments))
        _check_patterns(config)
        return config
    except (*PARSER_ERRORS, UserError) as error:
        for file in files:
            _check_config_file(config_class, file, hint)
        if isinstance(error, UserError):
            raise UserError(error.problem, error.hint or hint) from error
        raise UserError(describe_error(config_class, error, _given_values(arguments), arguments), hint) from error


def _check_patterns(config: Options) -> None:
    """Refuse a pattern for files where a folder or one file is expected, unless there is a file of this name."""
    for field in fields(config):
        path = getattr(config, field.name)
        if isinstance(path, Path) and glob.has_magic(str(path)) and not path.exists() and glob.glob(str(path)):  # noqa: PTH207
            option = flag(option_name(field))
            hint = f"Name the folder: {option} {typed_path(path.parent)}"
            raise UserError(f"{option} {path} is a pattern of several files; it takes one path.", hint)


def _given_values(arguments: list[str]) -> dict[str, str]:
    """Return what follows every option, as it was typed; of one that is given twice, what follows the last one."""
    given = {}
    for word, following in itertools.pairwise([*arguments, ""]):
        option, separator, text = word.partition("=")
        given[option] = text if separator else following
    return given


def _config_files(arguments: list[str]) -> list[Path]:
    """Return the files that `--config FILE` and `--config=FILE` name."""
    names = []
    for word, following in itertools.pairwise([*arguments, ""]):
        if word == "--config" or word.startswith("--config="):
            names.append(following if word == "--config" else word.removeprefix("--config="))
    return [Path(name) for name in names if name]


def _check_config_file(config_class: type[Options], file: Path, hint: str) -> None:
    """Reject a config file that is wrong by itself, naming it."""
    try:
        read_yaml(config_class, file)
    except UserError as error:
        raise UserError(error.problem, error.hint or hint) from error


def _check_argument(previous: str, argument: str, hint: str) -> None:
    """Reject an argument that is empty, not UTF-8, or null in YAML, for which the parser has no clear message."""
    if argument == "" or (argument.startswith("--") and argument.endswith("=")):
        raise UserError(f"{(argument or previous).rstrip('=')} is empty.", hint)
    try:
        argument.encode("utf-8")
    except UnicodeEncodeError as error:
        if _is_utf_8(os.fsencode(argument)):
            problem = f"{os.fsencode(argument).decode()} can't be used with the encoding of this terminal's language."
            raise UserError(problem, "Set the environment variable PYTHONUTF8=1 or LC_ALL=C.UTF-8.") from error
        option = f"Give {previous} another name: rename" if previous.startswith("--") else "Rename"
        problem = f"{os.fsencode(argument)} is not UTF-8."
        raise UserError(problem, f"{option} the file or folder, or create a link to it.") from error
    option, _, value = argument.partition("=") if argument.startswith("--") else (previous, "", argument)
    if value not in ("", "null") and _is_null(value):
        problem = f"{option} {value} would be read as no value; a file or folder of this name is ./{value}."
        raise UserError(problem.strip(), hint)


def _is_utf_8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_null(value: str) -> bool:
    """Return whether YAML, which the parser reads values as, takes a text for null: `~`, `#images`, `&a`."""
    try:
        return yaml.safe_load(value) is None
    except (yaml.YAMLError, ValueError, RecursionError):
        return False


def read_yaml(config_class: type[Config], path: Path, defaults: Mapping[str, Any] | None = None) -> Config:
    """Read a config that `to_yaml` wrote.

    Args:
        config_class: a dataclass of `dcgan.config`.
        path: the YAML file.
        defaults: values of options that the file does not contain, instead of the defaults of the class.

    Returns:
        The config.

    Raises:
        UserError: the file is not readable, or contains an unknown option or a wrong value.
    """
    text = ""
    try:
        parser = parser_for(config_class, "dcgan")
        parser.set_defaults(dict(defaults or {}))
        text = _read_text(path)
        return _build(config_class, parser.parse_string(text))
    except UserError as error:
        raise UserError(f"{path} can't be read as a config: {error.problem}", error.hint) from error
    except PARSER_ERRORS as error:
        values = yaml.load(text, yaml.BaseLoader) or {}  # as they were typed; none where that is not YAML
        given = {flag(str(name)): str(value) for name, value in values.items()}
        raise UserError(f"{path} can't be read as a config: {describe_error(config_class, error, given)}") from error


def _read_text(path: Path) -> str:
    """Return the text of a config file.

    Raises:
        UserError: the file is not readable, is not YAML, or contains no options, an empty one, or one that is not a
            single value.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe can be read only once, or never ends
            raise UserError("it is not a file.")
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise UserError("it is larger than any config.", "Its lines look like `steps: 4000`; see --print-config.")
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            hint = "Save it as UTF-8; in PowerShell, write it with `… | Out-File -Encoding utf8 FILE` instead of `>`."
            raise UserError("it is in UTF-16.", hint)
        text = data.decode()
        _check_flat(text)
        values = yaml.safe_load(text)
    except OSError as error:
        raise UserError(f"{error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise UserError("it is not a text file.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(describe_yaml_error(error)) from error
    if not isinstance(values, dict):
        raise UserError("it contains no options.", "Its lines look like `steps: 4000`; see --print-config.")
    for name, value in values.items():
        if name in ("config", "print_config"):  # options of the parser itself
            raise UserError(f"{name} is not an option of a file.", "Leave it out.")
        if value == "":
            raise UserError(f"{name} is empty.", "Leave it out, or give it a value.")
    return text


def _check_flat(text: str) -> None:
    """Refuse lists, nested options, aliases and tags before anything is built from them.

    A few lines of aliases can stand for more values than the memory holds, and a tag for a type of any kind.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > 1 or isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise UserError(
                f"it is not valid YAML of options: one in line {event.start_mark.line + 1} is not a single value.",
                "Its lines look like `steps: 4000`; see --print-config.",
            )


def to_yaml(config: Options) -> str:
    """Return every option of a config as YAML, in the order of the class."""
    values = {option_name(field): getattr(config, field.name) for field in fields(config)}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    return yaml.safe_dump(plain, sort_keys=False)


def to_arguments(config: Options) -> list[str]:
    """Return the options of a config that differ from their defaults as arguments, which `parse` reads.

    Args:
        config: the options as they were given, not resolved.
    """
    arguments = []
    for field in fields(config):
        name, value = flag(option_name(field)), getattr(config, field.name)
        if value == field.default:
            continue
        if isinstance(value, bool):
            arguments.append(name if value else name.replace("--", "--no-", 1))
            continue
        text = "null" if value is None else str(value)
        if value is not None and _is_null(text):  # the name of a file or folder
            text = f"./{text}"
        arguments += [f"{name}={text}"] if text.startswith("-") else [name, text]
    return arguments


def _build(config_class: type[Config], namespace: Any) -> Config:
    """Build a config from the parser's namespace."""
    types = option_types(config_class)
    values = {name: _plain(getattr(namespace, name)) for name in types}
    for name, value in values.items():
        if value is None and type(None) not in get_args(types[name]):
            raise TypeError(f"{flag(name)} takes {expected_values(types[name])}; it can't be empty")
        if "\0" in str(value):
            raise ValueError(f"{flag(name)} contains a null character: {str(value)!r}")
    return config_class(**{field.name: values[option_name(field)] for field in fields(config_class)})


def _plain(value: Any) -> Any:
    """Convert a restricted number to int or float, which YAML and TensorFlow require."""
    for plain in (int, float):
        if isinstance(value, plain) and not isinstance(value, bool):
            return plain(value)
    return value


def _description(config_class: type[Options]) -> str:
    """Return the docstring up to `Args`."""
    parsed = docstring_parser.parse(docstring(config_class))
    return "\n\n".join(text for text in (parsed.short_description, parsed.long_description) if text)


def docstring(config_class: type[Options]) -> str:
    """Return a class's docstring; empty where Python leaves docstrings out (`python -OO`, `PYTHONOPTIMIZE=2`).

    A dataclass then has its signature in that place.
    """
    return "" if sys.flags.optimize >= 2 else config_class.__doc__ or ""


_NO_HELP = "no description, as Python was started without docstrings (-OO)"
"""Help of an option whose description is missing."""


def _help_texts(config_class: type[Options]) -> dict[str, str]:
    """Return help texts by field, from the docstrings of the class and its bases, or from the field's metadata."""
    texts = {field.name: _NO_HELP for field in fields(config_class)}
    docs = (docstring_parser.parse(docstring(base)) for base in reversed(config_class.__mro__[:-1]))
    texts |= {entry.arg_name: " ".join((entry.description or "").split()) for doc in docs for entry in doc.params}
    return texts | {field.name: field.metadata["help"] for field in fields(config_class) if field.metadata["help"]}
