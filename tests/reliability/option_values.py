"""Values to try for every option of every command, made from its type and its help text, in command lines."""

import itertools
import random
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from dcgan.cli.commands import COMMANDS
from dcgan.config.fields import Options
from dcgan.config.messages import allowed_values, flag, option_types
from dcgan.config.parser import parser_for

BASES = {
    "prepare": ["--dataset=folder --data-dir=images --image-size=8 --cache-dir=cache"],
    "train": [
        "--dataset=folder --data-dir=images --cache-dir=cache --run-dir=new --image-size=8 --batch-size=4 "
        "--latent-dim=5 --generator-width=4 --discriminator-width=4 --discriminator-hidden=3 --compile=none "
        "--no-tensorboard --steps=2 --minutes=0.05 --log-every=1 --evaluate-num=8 --features=features.keras"
    ],
    "doctor": [
        "--dataset=folder --data-dir=images --cache-dir=cache --run-dir=new --image-size=8 --batch-size=4 "
        "--latent-dim=5 --generator-width=4 --discriminator-width=4 --discriminator-hidden=3 --compile=none "
        "--no-tensorboard --steps=2 --check-seconds=0.01"
    ],
    "generate": [
        f"--run-dir=run {options}"
        for options in (
            "",
            "--arithmetic='0,1 - 2'",
            "--walk=2 --seeds=0-2",
            "--stages",
            "--along='0 - 1'",
            "--animate",
        )
    ],
    "evaluate": [
        f"{images} --features=features.keras"
        for images in ("--run-dir=run --num=8", "--images=images.npy --dataset=folder --data-dir=images")
    ],
    "project": ["--run-dir=run --images=images/a/000.png --steps=2 --restarts=1"],
    "edit": [f"--run-dir=run {mode} --num=20" for mode in ("--toward=boldness --rows=2 --walk=3", "--ablate=a")],
    "explain": ["--run-dir=run --maps=2 --images=2"],
    "explore": ["--run-dir=run --no-browser"],
    "export": ["--run-dir=run --format=npz"],
    "lesson": ["--out=lesson.html --overwrite"],
}
"""For every command, the options that let it do its job in a moment, in its several ways."""

FILES = "images", "images.zip", "images.npy", "images/a/000.png", "run", "run/config.yaml", "empty", "pipe", "loop"
"""What the folder holds in which the command lines run; a pipe and a link to itself are among it."""

CONFIG = "options.yaml"
"""The config file in that folder."""

TEXTS = ["x", "0", "", " ", ",", "-1", "nan", "null", "~", "true", "[1]", "{a: 1}", "a: b", "# x", "&a", "%s{}", "..."]
TEXTS += ["ä→🙂", "\u202ex", "x\ny", "x\0y", "\x1b[31m", "\udcff", "--", "-x", "a=b", "../x", "x" * 300, "x" * 100_000]
TEXTS += ["9" * 5000, "0-9223372036854775807", "0-1000000000", "5-3", "0 - 1", "0 -", "1," * 3000, "1,,2", "None"]
INTEGERS = [
    "1",
    "2",
    "3",
    "0",
    "-1",
    "7",
    "1000",
    str(2**31 - 1),
    str(2**31),
    str(2**63 - 1),
    str(2**63),
    "1" + "0" * 30,
]
FLOATS = ["0.5", "1e-3", "1.5", "-0.0", "1e-320", "1e3", "1e300", "1e400", "-1e-9", "nan", "inf", "-inf"]
NUMBER_TEXTS = [
    "",
    " ",
    "x",
    "inf",
    "+2",
    " 2 ",
    "1_000",
    "0x10",
    "1,5",
    "2 2",
    "٣",
    "²",
    "9" * 5000,
    "null",
    "true",
    "[1]",
]
SIZES = [
    "8",
    "8x16",
    "16x8",
    "8X8",
    "8×8",
    "9",
    "8x9",
    "0",
    "4",
    "1x8",
    "64",
    "224",
    "1024",
    "4096",
    "99999",
    "8x99999",
]
PATHS = ["absent", *(f"new{end}" for end in (".png", ".npy", ".npz", ".gif", ".mp4", ".json", "", ".xyz", ".PNG", "."))]
PATHS += [
    *FILES,
    "absent/x",
    "images/a/000.png/x",
    "images.zip/a/000.png",
    ".",
    "..",
    "~",
    "run/",
    "a,b",
    f"{'x' * 254}.png",
]
SWITCH = ["true", "false", "", "x", "2", "null", "yes"]


@dataclass(frozen=True)
class CommandLine:
    """One command line.

    Args:
        program: `train.py`, `generate.py` or `python -m dcgan`.
        arguments: the arguments, with the command if the program takes one.
        swept: the option that has an unusual value, and the value; None for several options, or none.
        names_path: whether the value may be a path, which a message may name without the option.
        config: text of `CONFIG`.
    """

    program: str
    arguments: tuple[str, ...]
    swept: tuple[str, str] | None = None
    names_path: bool = False
    config: str = ""

    def __str__(self) -> str:
        words = (word if len(word) < 100 else f"{word[:40]}… ({len(word)} characters)" for word in self.arguments)
        text = f"{self.program} {shlex.join(words)}" + (f" ({CONFIG}: {self.config[:80]!r})" if self.config else "")
        return text.encode("ascii", "backslashreplace").decode()


def values(hint: Any, help_text: str) -> list[str]:
    """Return texts to try as values of an option, the more usual ones first."""
    if bool in (hint, *get_args(hint)):
        return SWITCH
    if choices := allowed_values(hint):
        others = choices[0].upper(), choices[0][:-1], f"{choices[0]} ", f"{choices[0]},{choices[-1]}"
        return [*dict.fromkeys([*choices, *others, *TEXTS])]
    found: list[str] = []
    for member in [hint] if get_origin(hint) is Annotated else get_args(hint) or [hint]:
        number, *limits = get_args(member) if get_origin(member) is Annotated else (member,)
        if number in (int, float):
            bounds = [bound for limit in limits for _, bound in limit.restrictions if bound != float("inf")]
            found += INTEGERS + (FLOATS if number is float else FLOATS[::3])
            found += [
                str(bound + step) for bound in bounds for step in ((-1, 0, 1) if number is int else (-1e-6, 1e-6))
            ]
            found += NUMBER_TEXTS
        elif number is Path:
            found += PATHS + TEXTS
        elif number is str:
            size, file = "height x width" in help_text, "file" in help_text or "folder" in help_text
            found += SIZES * size + PATHS * file + _named(help_text) + TEXTS
    return [*dict.fromkeys(found)]


def _named(help_text: str) -> list[str]:
    """Return the values that a help text names: in backticks, in quotes, or in a list of names."""
    quoted = itertools.chain.from_iterable(re.findall(r"`([^`]+)`|'([^']+)'", help_text))
    return [text for text in quoted if text and text[0] != "-"] + re.findall(r"\b([a-z_]+)(?=, [a-z_]+,)", help_text)


def command_lines(seed: int, most: int | None, pairs: int) -> Iterator[CommandLine]:
    """Yield command lines: every value of every option, options twice and without a value, config files, and pairs.

    Args:
        seed: of what is chosen at random: the base, the values of pairs, and those that are tried if not all are.
        most: number of values per option; None for all.
        pairs: number of pairs of options, for all commands together.
    """
    chosen, all_pairs = random.Random(seed), []
    for command, (config_class, _) in COMMANDS.items():
        line = _Lines(command, chosen)
        tried = _tried(config_class)
        for option, texts in tried.items():
            name, switch = option[2:].replace("-", "_"), texts is SWITCH
            for text in texts if most is None else [texts[0], *chosen.sample(texts[1:], min(most, len(texts)) - 1)]:
                yield line(
                    [f"{option}={text}"] if switch or chosen.random() < 0.5 else [option, text],
                    (option, text),
                    PATHS[0] in texts,
                )
            yield line([f"{option}={text}" for text in chosen.sample(texts[:4], 2)])
            yield line([option])
            if switch:
                yield line([f"--no-{option[2:]}"])
            last = chosen.choice(["--help", "-h", "--print-config", "--print-config=x", "--config=absent"])
            yield line([f"{option}={texts[0]}", last])
            yield line([f"{option[: chosen.randint(3, len(option))]}={texts[0]}"])  # at most an abbreviation
            for text in chosen.choice(texts[:2]), chosen.choice(texts[2:]):
                yield line(["--config", CONFIG], config=f"{name}: {text}\n", without=option)
        for last in (
            "--help",
            "-h",
            "--print-config",
            "--version",
            "--",
            "x",
            "-",
            "--no-such-option",
            "--=x",
            "",
            "ä",
        ):
            yield line([last])
        all_pairs += [(line, tried, pair) for pair in itertools.combinations(tried, 2)]
    for line, tried, pair in chosen.sample(all_pairs, min(pairs, len(all_pairs))):
        few = 4 if chosen.random() < 0.8 else None  # most often usual values, which may contradict each other
        yield line([f"{option}={chosen.choice(tried[option][:few])}" for option in pair])
    for arguments in ((), ("-h",), ("--help",), ("--version",), ("x",), ("",), ("--config",), ("train", "generate")):
        yield CommandLine("python -m dcgan", arguments)


def _tried(config_class: type[Options]) -> dict[str, list[str]]:
    """Return the values to try for every option of a command; those of a switch are `SWITCH` itself."""
    helps = {
        word: str(action.help) for action in parser_for(config_class, "")._actions for word in action.option_strings
    }
    options = {flag(name): hint for name, hint in option_types(config_class).items()}
    return {option: values(hint, helps[option]) for option, hint in options.items()} | {"--config": [*PATHS, *TEXTS]}


class _Lines:
    """The command lines of one command."""

    def __init__(self, command: str, chosen: random.Random):
        self._command, self._chosen = command, chosen

    def __call__(
        self,
        words: list[str],
        swept: tuple[str, str] | None = None,
        names_path: bool = False,
        config: str = "",
        without: str = "",
    ) -> CommandLine:
        """Add words to a base; the options that they give are left out of it."""
        given = {word.split("=")[0] for word in (*words, without)}
        given |= {f"--no-{option[2:]}" for option in given}
        base = shlex.split(self._chosen.choice(BASES[self._command]))
        arguments = [*(word for word in base if word.split("=")[0] not in given), *words]
        own = f"{self._command}.py"
        if own in ("train.py", "generate.py") and self._chosen.random() < 0.5:
            return CommandLine(own, tuple(arguments), swept, names_path, config)
        return CommandLine("python -m dcgan", (self._command, *arguments), swept, names_path, config)
