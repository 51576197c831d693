"""Opening a run directory for training, by one process at a time and with one config."""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from dcgan.config import ResolvedTrainConfig, TrainConfig, differing_options
from dcgan.core.atomic_io import atomic_write, is_running, make_folder, remove_stale_files_below
from dcgan.core.errors import UserError
from dcgan.core.system_errors import remedy
from dcgan.runs.continuation import new_run_hint
from dcgan.runs.finding import check_links, default_run_dir
from dcgan.runs.run import Run


@contextlib.contextmanager
def open_run(config: TrainConfig, writing: bool = True, given: TrainConfig | None = None) -> Iterator[Run]:
    """Open the run directory of a config for training and lock it; create it if it does not exist.

    Args:
        config: options of the training.
        writing: whether this process writes into the directory; of the workers of a distributed job, one does.
        given: the options as they were given, for the command that an error names; by default those of `config`.

    Yields:
        The run.

    Raises:
        UserError: the directory is not writable, in use by another process, not a run, or a run of another config, or
            a link in it leads out of it.
    """
    given, config = given or config, config.resolve()
    run = Run(config.run_dir or default_run_dir(config))
    if not writing:
        yield run
        return
    try:
        make_folder(run.path)
        entries = [entry.name for entry in run.path.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        problem = f"{run.path} can't be used as a run directory: {error.strerror}."
        raise UserError(problem, remedy(error, "--run-dir", writing=True)) from error
    if entries and not run.config_file.exists():
        raise UserError(f"{run.path} is not empty and not a run.", "Choose another --run-dir.")
    if run.is_pretrained():
        raise UserError(
            f"{run.path} has a pretrained generator without the checkpoint that resuming needs.",
            new_run_hint(given, run, "Choose another --run-dir."),
        )
    check_links(run.path)
    with _locked(run.path):
        _prepare(run, config, given)
        yield run


NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without locks: NFS without its lock daemon, some FUSE and SMB mounts."""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a run directory; the operating system releases it however the process ends.

    A file beside it names the process, for the message of another one. Where the file system has no locks, it stands in
    for the lock: a process of this machine that no longer runs holds nobody up.
    """
    owner = path / ".trained-by"
    lock = FileLock(path / ".lock", fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _in_use(path, owner) from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            problem = f"{path} can't be written: {error.strerror or error}."
            raise UserError(problem, remedy(error, "--run-dir", writing=True)) from error
        if _may_be_running(owner):
            raise _in_use(path, owner) from error
        print(
            f"The file system of {path} has no file locks ({getattr(error, 'strerror', None) or error}). "
            "Make sure that no other machine trains in it, or choose a --run-dir on another disk.",
            file=sys.stderr,
        )
    try:
        with atomic_write(owner) as file:
            file.write_text(f"{socket.gethostname()} {os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            owner.unlink(missing_ok=True)
        lock.release()


def _in_use(path: Path, owner: Path) -> UserError:
    """Return the error for a run directory that another process is training in."""
    host, process = _read_owner(owner)
    if not host:
        return UserError(f"Another process is training in {path}.", "Wait for it to end, or choose another --run-dir.")
    return UserError(
        f"Process {process} on {host} is training in {path}.",
        f"Wait for it to end, or choose another --run-dir. If it has ended, remove {owner}.",
    )


def _read_owner(owner: Path) -> tuple[str, str]:
    """Return host and process of the file that names them; two empty texts if there is none."""
    try:
        host, _, process = owner.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    except OSError:
        return "", ""
    return (host, process) if host.isprintable() and process.isdecimal() else ("", "")


def _may_be_running(owner: Path) -> bool:
    host, process = _read_owner(owner)
    return bool(host) and (host != socket.gethostname() or is_running(int(process)))


def _prepare(run: Run, config: ResolvedTrainConfig, given: TrainConfig) -> None:
    """Compare the config with that of the run's checkpoints, remove what a crash left, and write the config.

    A run without checkpoints takes any config.
    """
    if run.config_file.exists():
        different = differing_options(config, run.config())
        if different and run.checkpoints.exist():
            changes = (f"{name} is {theirs}, now {ours}" for name, (ours, theirs) in different.items())
            raise UserError(
                f"{run.path} was trained with another config: {'; '.join(changes)}.",
                new_run_hint(given, run, "Use the run's values to resume it, or another --run-dir to start afresh."),
            )
    if not run.checkpoints.exist():
        run.clear_evaluations()
    remove_stale_files_below(run.path)
    run.save_config(config)
