"""Runs in repositories of Hugging Face, named `hf://user/name` or `hf://user/name@revision`.

A run is downloaded by the package `huggingface_hub`, which is optional, into that package's cache; the files that make
a run are copied from there to a folder in the cache of this program, one per commit. Commands read that folder, and
write nothing into either.
"""

import re
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan.core.atomic_io import atomic_folder
from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.errors import UserError, first_line
from dcgan.core.paths import repository_address
from dcgan.runs.model_safety import MEMBERS
from dcgan.runs.run import Run

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_MODEL_BYTES = 1 << 30
"""Largest network that is downloaded; the default generator of 64×64 images has 14 MB."""

MAX_TEXT_BYTES = 1 << 24
"""Largest other file that is downloaded; the log of 20,000 steps has 9 kB."""

_GENERATOR = "generator.keras"

RUN_FILES = {_GENERATOR: MAX_MODEL_BYTES, "discriminator.keras": MAX_MODEL_BYTES} | dict.fromkeys(
    ("config.yaml", "classes.json", "evaluation.json", "log.jsonl", "README.md"), MAX_TEXT_BYTES
)
"""The files of a repository that are read, and their largest size in bytes; others are not downloaded."""

KERAS_FILES = dict.fromkeys(MEMBERS, MAX_MODEL_BYTES)
"""What `model.save("hf://…")` of Keras writes instead of `generator.keras`: the members of the archive as files."""

INSTALL_HINT = "`pip install huggingface_hub` installs it, and so does `pip install 'dcgan[hub]'`."

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
_ADDRESS = re.compile(rf"hf://({_NAME}/{_NAME})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,254}}))?")


@dataclass(frozen=True)
class Repository:
    """A repository of models on Hugging Face.

    Args:
        name: `user/name`.
        revision: a branch, a tag or a commit; empty for the branch `main`.
    """

    name: str
    revision: str = ""

    def __str__(self) -> str:
        return f"hf://{self.name}{'@' * bool(self.revision)}{self.revision}"


def parse_repository(address: Path | str) -> Repository | None:
    """Return the repository that an address names, None for the path of a folder.

    Args:
        address: `hf://user/name` or `hf://user/name@revision`; a `Path` has one slash for two.

    Raises:
        UserError: it is the address of a repository, but not a valid one.
    """
    text = repository_address(address)
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None or ".." in text or "--" in match[1] or "//" in (match[2] or ""):
        raise UserError(
            f"{text} is not the address of a repository.",
            "The address is hf://user/name, or hf://user/name@revision.",
        )
    return Repository(match[1], match[2] or "")


def download_run(repository: Repository) -> Run:
    """Download the run in a repository, or find it in the cache where the hub can't be reached.

    The models in it are read as those of any run, that is, checked by `dcgan.runs.model_safety`.

    Args:
        repository: where the run is.

    Returns:
        The run, whose outputs go to the current folder.

    Raises:
        UserError: `huggingface_hub` is not installed; there is no such repository or revision, or it is private; it has
            no generator, or a file of an implausible size; the hub can't be reached, and the run is not in the cache.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UserError(
            f"{repository} is a repository of Hugging Face, and the package huggingface_hub is not installed.",
            INSTALL_HINT,
        ) from error
    folder = _download(repository, HfApi(library_name="dcgan"))
    return Run(folder, output_dir=Path(), source=str(repository))


def _download(repository: Repository, api: "HfApi") -> Path:
    """Return the folder of this program's cache that holds a run, downloaded or from an earlier time."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    login = "`hf auth login` or the variable HF_TOKEN gives access to your own."
    try:
        info = api.model_info(repository.name, revision=repository.revision or None, files_metadata=True)
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        names, folder = _needed(repository, sizes), _folder(repository, info.sha or "")
        return folder if _is_complete(folder, names) else _copy(_fetch(repository, api, names), repository)
    except UserError:
        raise
    except GatedRepoError as error:
        hint = f"Accept the conditions on its page, then `hf auth login`. {api.endpoint}/{repository.name}"
        raise UserError(f"{repository} is open to those only who have accepted its conditions.", hint) from error
    except RepositoryNotFoundError as error:
        hint = f"Check the name. {login}"
        raise UserError(f"There is no repository {repository}, or it is private.", hint) from error
    except RevisionNotFoundError as error:
        hint = "A revision is a branch, a tag or the number of a commit."
        raise UserError(f"hf://{repository.name} has no revision {repository.revision}.", hint) from error
    except Exception as error:  # of the network, and of answers that are none of the hub's
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else 500
        if status in (401, 403):
            raise UserError(f"{repository} can't be read: {first_line(error)}", login) from error
        return _find_in_cache(repository, api, error)


def _needed(repository: Repository, sizes: Mapping[str, int | None]) -> list[str]:
    """Return the files to download, given the sizes of all files of the repository."""
    limits = RUN_FILES if _GENERATOR in sizes or not sizes.keys() >= KERAS_FILES.keys() else RUN_FILES | KERAS_FILES
    names = [name for name in limits if name in sizes]
    if _GENERATOR not in names and not KERAS_FILES.keys() <= set(names):
        raise _no_generator(repository)
    for name in names:
        if (sizes[name] or 0) > limits[name]:
            raise UserError(
                f"{name} of {repository} has {sizes[name]:,} bytes, more than the limit of {limits[name]:,}.",
                "Download it with `hf download`, check what it is, and give the folder as --run-dir.",
            )
    return names


def _fetch(repository: Repository, api: "HfApi", names: Iterable[str], offline: bool = False) -> Path:
    """Let `huggingface_hub` download files, and return the folder that holds them."""
    revision = repository.revision or None
    return Path(
        api.snapshot_download(repository.name, revision=revision, allow_patterns=list(names), local_files_only=offline)
    )


def _find_in_cache(repository: Repository, api: "HfApi", reason: Exception) -> Path:
    """Return the folder of the run that was downloaded last; complain about the network if there is none."""
    from huggingface_hub import constants

    offline = constants.is_offline_mode()
    problem = "HF_HUB_OFFLINE is set" if offline else f"{api.endpoint} can't be used: {first_line(reason)}"
    try:
        snapshot = _fetch(repository, api, RUN_FILES, offline=True)
        if not (snapshot / _GENERATOR).is_file():
            snapshot = _fetch(repository, api, RUN_FILES | KERAS_FILES, offline=True)
            if not _has_keras_files(snapshot):
                raise _no_generator(repository)
    except Exception as error:  # that of `reason` says more, unless there was no attempt
        hint = (
            "Unset HF_HUB_OFFLINE to download it."
            if offline
            else "Check the network and try again; what has been downloaded once is used without one."
        )
        raise UserError(
            f"{repository} can't be downloaded, and there is no complete copy in {constants.HF_HUB_CACHE}: {problem}",
            hint,
        ) from error
    print(f"{problem}. Using the copy of {repository} of commit {snapshot.name[:12]}.", file=sys.stderr)
    return _copy(snapshot, repository)


def _folder(repository: Repository, commit: str) -> Path:
    """Return the folder of a commit in the cache of this program."""
    return resolve_cache_dir(None) / "hub" / repository.name.replace("/", "--") / commit


def _is_complete(folder: Path, names: Iterable[str]) -> bool:
    """Whether a folder has the generator and those of some files that belong to a run."""
    return all((folder / name).is_file() for name in {_GENERATOR, *names} - KERAS_FILES.keys())


def _copy(snapshot: Path, repository: Repository) -> Path:
    """Copy a run from the cache of `huggingface_hub`, where its files are links, to a folder of its own."""
    names = [name for name in RUN_FILES if (snapshot / name).is_file()]
    folder = _folder(repository, snapshot.name)
    with build_lock(folder, "copying"):
        if not _is_complete(folder, names):
            with atomic_folder(folder) as new:
                for name in names:
                    shutil.copyfile(snapshot / name, new / name)
                if _GENERATOR not in names:
                    _pack(snapshot, new / _GENERATOR)
    return folder


def _has_keras_files(snapshot: Path) -> bool:
    return all((snapshot / name).is_file() for name in KERAS_FILES)


def _pack(snapshot: Path, file: Path) -> None:
    """Write the files that Keras stores in a repository as the archive that it stores elsewhere."""
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(KERAS_FILES):
            archive.write(snapshot / name, name)


def _no_generator(repository: Repository) -> UserError:
    return UserError(
        f"{repository} has no {_GENERATOR}, and no model that Keras has saved there.",
        "`dcgan export --format hub` writes a folder that can be uploaded and read.",
    )
