"""From a config dataclass to a command line and a YAML file, and back."""

import itertools
import os
from argparse import SUPPRESS, Action
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import docstring_parser
import yaml
from jsonargparse import ActionYesNo, ArgumentError, ArgumentParser, DefaultHelpFormatter

from dcgan.config.messages import allowed_values, describe_error, describe_yaml_error, expected, option
from dcgan.core.errors import UserError

Config = TypeVar("Config")
UNREADABLE = (ArgumentError, OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError)
"""What the parser raises on an unknown option, a wrong value or a file that is no YAML."""


def parser_for(kind: type, prog: str) -> ArgumentParser:
    """Build the command line of a config class: an option a field, help from the docstring's `Args`.

    Args:
        kind: a dataclass of `dcgan.config`.
        prog: what the user typed to get here, for the usage line.
    """
    parser = ArgumentParser(
        prog=prog,
        usage=f"{prog} [options]",
        description=_description(kind),
        formatter_class=_Help,
        exit_on_error=False,
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the options below.")
    helps, hints, groups = _helps(kind), get_type_hints(kind), {}
    for f in fields(kind):
        title = f.metadata["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        yes_or_no = hints[f.name] in (bool, bool | None)
        how = {"action": ActionYesNo(no_prefix="no-")} if yes_or_no else {"type": hints[f.name]}
        how |= _shown_choices(hints[f.name])
        groups[title].add_argument(f"--{f.name.replace('_', '-')}", default=f.default, help=helps[f.name], **how)
    return parser


class _Help(DefaultHelpFormatter):
    """Help without the types of Python, and with defaults where there are any: the texts tell the rest."""

    def _get_help_string(self, action: Action) -> str:
        if "--print-config" in action.option_strings:
            return "Print all options as YAML, which --config reads, and exit."
        if action.default is True:
            return f"{action.help} (on by default)"
        plain = action.default is None or action.default is False or action.default == SUPPRESS
        return f"{action.help}{'' if plain else ' (default: %(default)s)'}"


def _shown_choices(hint: Any) -> dict[str, str]:
    """What stands for the value of an option that may be left out, where it is one of a few."""
    choices = allowed_values(hint)
    return {"metavar": f"{{{','.join(choices)}}}"} if choices and get_origin(hint) is not Literal else {}


def parse(kind: type[Config], arguments: list[str], prog: str) -> Config:
    """Read a command line.

    Raises:
        UserError: an option is unknown or its value is not of its type, in the command line or in `--config`.
        SystemExit: after `--help` and `--print-config`.
    """
    parser, hint = parser_for(kind, prog), f"`{prog} --help` lists the options."
    for before, value in zip(["", *arguments], arguments, strict=False):
        _check_text(before, value, hint)
    files = _config_files(arguments)
    try:
        for file in files:
            _read(file)
        return _build(kind, parser.parse_args(arguments))
    except (*UNREADABLE, UserError) as error:
        for file in files:
            _blame(kind, file, hint)
        if isinstance(error, UserError):
            raise
        raise UserError(describe_error(kind, error), hint) from error


def _config_files(arguments: list[str]) -> list[Path]:
    """What `--config` names."""
    pairs = itertools.pairwise([*arguments, ""])
    given = [after if word == "--config" else word.removeprefix("--config=") for word, after in pairs if _names(word)]
    return [Path(name) for name in given if name]


def _names(word: str) -> bool:
    return word == "--config" or word.startswith("--config=")


def _blame(kind: type, file: Path, hint: str) -> None:
    """Refuse a file that is wrong by itself, and name it; say nothing of one that is right."""
    try:
        read_yaml(kind, file)
    except UserError as error:
        raise UserError(error.problem, error.hint or hint) from error


def _check_text(before: str, value: str, hint: str) -> None:
    """Refuse a word of the command line that is empty, or no text at all; the parser would say something else."""
    if value == "" or (value.startswith("--") and value.endswith("=")):
        raise UserError(f"{(value or before).rstrip('=')} is empty.", hint)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"{os.fsencode(value)} is no UTF-8.", "Rename the file or folder, or link to it.") from error


def read_yaml(kind: type[Config], path: Path, absent: Mapping[str, Any] | None = None) -> Config:
    """Read the config that `to_yaml` wrote.

    Args:
        kind: the command's dataclass.
        path: the file.
        absent: what options are that the file lacks, instead of their defaults.

    Raises:
        UserError: the file can't be read, or holds an unknown option or a value that is not of its type.
    """
    try:
        parser = parser_for(kind, "dcgan")
        parser.set_defaults(dict(absent or {}))
        return _build(kind, parser.parse_string(_read(path)))
    except UserError as error:
        raise UserError(f"{path} can't be read as a config: {error.problem}", error.hint) from error
    except UNREADABLE as error:
        raise UserError(f"{path} can't be read as a config: {describe_error(kind, error)}") from error


def _read(path: Path) -> str:
    """The text of a config file.

    Raises:
        UserError: it can't be read, is no YAML, holds no options, or an empty one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except OSError as error:
        raise UserError(f"{error.strerror or error}.") from error
    except (UnicodeDecodeError, yaml.reader.ReaderError) as error:
        raise UserError("it is no text.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(describe_yaml_error(error)) from error
    if not isinstance(values, dict):
        raise UserError("it holds no options.", "Its lines look like `steps: 4000`; see --print-config.")
    for name, value in values.items():
        if value == "":
            raise UserError(f"{name} is empty.", "Leave it out, or give it a value.")
    return text


def to_yaml(config: Any) -> str:
    """Every option of `config` as YAML, in the order of the class."""
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(config).items()}
    return yaml.safe_dump(plain, sort_keys=False)


def _build(kind: type[Config], values: Any) -> Config:
    """The dataclass from the parser's namespace."""
    hints = get_type_hints(kind)
    plain = {f.name: _plain(getattr(values, f.name)) for f in fields(kind)}
    for name, value in plain.items():
        if value is None and type(None) not in get_args(hints[name]):
            raise TypeError(f"{option(name)} takes {expected(hints[name])}; it can't be left empty")
        if "\0" in str(value):
            raise ValueError(f"{option(name)} holds a character that no name can have")
    return kind(**plain)


def _plain(value: Any) -> Any:
    """A number without the restricted type it was checked with: YAML and TensorFlow want int and float."""
    for plain in (int, float):
        if isinstance(value, plain) and not isinstance(value, bool):
            return plain(value)
    return value


def _description(kind: type) -> str:
    """What stands above `Args` in the docstring."""
    parsed = docstring_parser.parse(kind.__doc__)
    return "\n\n".join(text for text in (parsed.short_description, parsed.long_description) if text)


def _helps(kind: type) -> dict[str, str]:
    """Help texts by field, from the docstrings of the class and of the classes it extends."""
    parsed = (docstring_parser.parse(base.__doc__ or "") for base in reversed(kind.__mro__[:-1]))
    return {entry.arg_name: " ".join(entry.description.split()) for doc in parsed for entry in doc.params}
