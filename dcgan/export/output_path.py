"""Where an export goes, and how it gets there whole, with its card."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dcgan.config import ExportConfig
from dcgan.core.atomic_io import atomic_write, beside
from dcgan.core.errors import UserError
from dcgan.export.formats import FORMATS, Format
from dcgan.runs import Run

CARD = "README.md"
"""The card's name in a folder; a file NAME has it beside itself as NAME.md."""

OF_A_SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets", CARD}
"""What a folder may hold to be taken for an earlier export and replaced."""


def output_path(config: ExportConfig, run: Run) -> Path:
    """The file or folder to write.

    Raises:
        UserError: it is taken and may not be replaced, it is the run's own, or its ending is another format's.
    """
    form = FORMATS[config.format]
    out = config.out if config.out is not None else _default(config, run, form)
    _check_name(out, form)
    if any(part.exists() and out.resolve() == part.resolve() for part in (run.path, run.generator_file, run.best_file)):
        raise UserError(f"{out} is the run's own.", "Choose another --out.")
    taken = next((path for path in (out, card_path(out, form)) if path.exists()), None)
    if taken is not None and not config.overwrite:
        raise UserError(f"{taken} exists already.", "Choose another --out, or add --overwrite.")
    _check_replaceable(out, form)
    return out


def card_path(out: Path, form: Format) -> Path:
    """Where the card of an export goes."""
    return out.with_name(f"{out.name}.md") if form.ending else out / CARD


@contextlib.contextmanager
def atomic_export(out: Path, form: Format) -> Iterator[tuple[Path, Path]]:
    """Give temporary paths for an export and its card; when the block ends well, move both into place.

    Raises:
        UserError: the place can't be written to, or the disk is full.
    """
    if form.ending:
        with atomic_write(card_path(out, form)) as card, atomic_write(out) as made:
            yield made, card
    else:
        with _whole_folder(out) as made:
            yield made, card_path(made, form)


@contextlib.contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary path for a folder, which then takes the place of what may be there."""
    with beside(folder) as temporary:
        made, old = temporary / "new", temporary / "old"
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)


def _default(config: ExportConfig, run: Run, form: Format) -> Path:
    """In the run directory, named after the weights; a SavedModel has no ending, and says what it is."""
    name = "generator" if config.weights == "ema" else f"generator-{config.weights}"
    return run.path / "exported" / (f"{name}{form.ending}" if form.ending else f"{name}-saved-model")


def _check_name(out: Path, form: Format) -> None:
    """Refuse an ending that other programs would take for something else."""
    if not out.name:
        raise UserError("--out is empty.", "Name a file or a folder.")
    ending = out.suffix.lower()
    if ending != form.ending and ending in {other.ending for other in FORMATS.values()} - {""}:
        raise UserError(f"--out {out} ends in {ending}, which is not what {form.words} is.", _advice(form))
    if form.ending == ".keras" and ending != form.ending:
        raise UserError(f"--out {out} would be no file that Keras opens.", _advice(form))


def _advice(form: Format) -> str:
    return f"Let it end in {form.ending}." if form.ending else "Name a folder."


def _check_replaceable(out: Path, form: Format) -> None:
    """Refuse to put a file where a folder is, or to throw away a folder that is more than an earlier export."""
    if form.ending and out.is_dir():
        raise UserError(f"{out} is a folder.", "Give it another name.")
    if form.ending or not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file, and {form.words} is a folder.", "Give it another name.")
    others = sorted(entry.name for entry in out.iterdir() if entry.name not in OF_A_SAVED_MODEL)
    if others:
        raise UserError(f"{out} holds {others[0]}, which is no part of an export.", "Choose another --out.")
