"""Output path of an export: check `--out`, and write the export and its model card as a whole."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dcgan.config import ExportConfig
from dcgan.core.atomic_io import atomic_folder, atomic_write
from dcgan.core.errors import UserError
from dcgan.export.format import Format
from dcgan.export.formats import FORMATS
from dcgan.runs import Run

CARD = "README.md"
"""Name of the model card in a folder; the card of a file NAME is NAME.md, beside it."""


def output_path(config: ExportConfig, run: Run, target: Format) -> Path:
    """Return the file or folder to write.

    Args:
        config: options of the command; without `out`, the path is in the run directory.
        run: the run that is exported.
        target: the format of the export.

    Raises:
        UserError: the path exists and may not be replaced, belongs to the run itself, or has the suffix of another
            format.
    """
    out = config.out if config.out is not None else _default_path(run, target, config.weights)
    _check_name(out, target)
    if any(part.exists() and out.resolve() == part.resolve() for part in (run.path, run.generator_file, run.best_file)):
        raise UserError(f"{out} belongs to the run itself.", "Choose another --out.")
    existing = next((path for path in (out, card_path(out, target)) if path.exists()), None)
    if existing is not None and not config.overwrite:
        raise UserError(f"{existing} exists already.", "Choose another --out, or add --overwrite.")
    _check_replaceable(out, target)
    return out


def card_path(out: Path, target: Format) -> Path:
    """Return the path of the model card of an export at `out`.

    Args:
        out: the exported file or folder.
        target: its format; a folder holds its card, a file has it beside it.
    """
    return out.with_name(f"{out.name}.md") if target.suffix else out / CARD


@contextlib.contextmanager
def atomic_export(out: Path, target: Format) -> Iterator[tuple[Path, Path]]:
    """Yield temporary paths for an export and its model card; move both into place if the block succeeds.

    Args:
        out: the file or folder to write.
        target: the format of the export.

    Yields:
        The path of the export, which exists if it is a folder, and the path of the card.

    Raises:
        UserError: the path is not writable, or the disk is full.
    """
    if target.suffix:
        with atomic_write(card_path(out, target)) as card, atomic_write(out) as exported:
            yield exported, card
    else:
        with atomic_folder(out, "--out") as exported:
            yield exported, card_path(exported, target)


def _default_path(run: Run, target: Format, weights: str) -> Path:
    """The path in the run directory, named after the weights and, for a folder, after the format."""
    name = "generator" if weights == "ema" else f"generator-{weights}"
    return run.output_dir / "exported" / (f"{name}{target.suffix}" if target.suffix else f"{name}-{target.folder}")


def _check_name(out: Path, target: Format) -> None:
    """Refuse a suffix that stands for another format."""
    if not out.name:
        raise UserError("--out is empty.", "Name a file or a folder.")
    suffix = out.suffix.lower()
    hint = f"Use a name that ends in {target.suffix}." if target.suffix else "Name a folder."
    if suffix != target.suffix and suffix in {other.suffix for other in FORMATS.values()} - {""}:
        raise UserError(f"--out {out} ends in {suffix}, which is not the suffix of {target.name}.", hint)
    if target.suffix == ".keras" and suffix != target.suffix:
        raise UserError(f"--out {out} is not a file name that Keras opens.", hint)


def _check_replaceable(out: Path, target: Format) -> None:
    """Refuse to replace a folder by a file, a file by a folder, or a folder that is not an earlier export."""
    if target.suffix and out.is_dir():
        raise UserError(f"{out} is a folder.", "Give it another name.")
    if target.suffix or not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file, and {target.name} is a folder.", "Give it another name.")
    others = sorted(entry.name for entry in out.iterdir() if entry.name not in target.entries | {CARD})
    if others:
        raise UserError(f"{out} holds {others[0]}, which is not part of an export.", "Choose another --out.")
