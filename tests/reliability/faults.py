"""Run a function in a process in which one system call fails, or is the last one, and undo what was not synced."""

import ctypes
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NoReturn

SOURCE = Path(__file__).with_name("faults.c")


class Fault(Enum):
    """What happens at the chosen call: its mode in `faults.c`, and the error."""

    NONE = 0, 0
    EIO = 1, errno.EIO
    ENOSPC = 1, errno.ENOSPC
    EINTR = 1, errno.EINTR
    EROFS = 1, errno.EROFS
    SHORT_WRITE = 2, 0
    DEATH = 3, 0
    POWER_LOSS = 3, -1


ERRORS = Fault.EIO, Fault.ENOSPC, Fault.EINTR, Fault.EROFS, Fault.SHORT_WRITE


@dataclass(frozen=True)
class Call:
    """One system call of a trace."""

    number: int
    name: str
    path: Path
    other: Path
    inode: int
    size: int
    done: bool


@dataclass(frozen=True)
class Outcome:
    """How a process ended: its exit code, what it printed, and its calls below the watched folder."""

    code: int
    output: str
    calls: list[Call]


def start_with_faults(module: str) -> None:
    """Compile `faults.c` and start this program again with it, unless that has been done."""
    if "DCGAN_FAULTS" in os.environ:  # it is loaded; processes that this one starts don't need it
        os.environ.pop("LD_PRELOAD", None)
        Path(os.environ["DCGAN_FAULTS"]).unlink(missing_ok=True)
        return
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("A C compiler (cc) is needed to build tests/reliability/faults.c.")
    library = Path(os.environ.get("TMPDIR", "/tmp")) / f"dcgan-faults-{os.getuid()}-{os.getpid()}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", library, SOURCE, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "DCGAN_FAULTS": str(library)}
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment)


def run_with_fault(function: Callable[[], int], watched: Path, scratch: Path, fault: Fault, number: int = 0) -> Outcome:
    """Run a function in a forked process and let a fault happen at a system call below a folder.

    Args:
        function: returns the exit code.
        watched: the folder; it is the process' working directory.
        scratch: folder for the trace, the output and backups, outside of `watched`; it is emptied.
        fault: what happens.
        number: of the call, from 1 on; 0 for none.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    trace, output = scratch / "trace", scratch / "output"
    disk = Disk(watched) if fault is Fault.POWER_LOSS else None
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        be_a_child(lambda: _arm(watched, scratch, trace, fault, number) or function(), watched, scratch, output)
    _, status = os.waitpid(child, 0)
    text = trace.read_text(errors="surrogateescape") if trace.exists() else ""
    calls = [_parse(line) for line in text.splitlines()]
    outcome = Outcome(os.waitstatus_to_exitcode(status), output.read_text(errors="replace"), calls)
    if disk is not None:
        disk.replay(calls)
        disk.lose_unsynced(scratch)
    return outcome


def _arm(watched: Path, scratch: Path, trace: Path, fault: Fault, number: int) -> None:
    mode, error = fault.value
    paths = [os.fsencode(path) for path in (watched, scratch, trace)]
    ctypes.CDLL(None).faults_arm(*paths, ctypes.c_long(number), mode, error)


def use_one_core() -> None:
    """Let this process and those that it starts run on one core, always the same."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def be_a_child(function: Callable[[], int], folder: Path, scratch: Path, output: Path) -> NoReturn:
    """Run a function in this forked process, on one core, since their number decides the order of sums; and end it.

    Args:
        function: returns the exit code.
        folder: working directory.
        scratch: folder for temporary files: a process that dies removes none.
        output: file that standard output and standard error are appended to.
    """
    code = 1
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.chdir(folder)
        use_one_core()
        tempfile.tempdir = str(scratch)
        code = function()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _parse(line: str) -> Call:
    done = line.startswith("done ")
    number, name, path, other, inode, size = line.removeprefix("done ").split("\t")
    return Call(int(number), name, Path(path), Path(other), int(inode), int(size), done)


class Folder:
    """The entries of a folder, by name: inodes of files, and folders; as they are, and as they were last synced."""

    def __init__(self, path: Path | None = None):
        self.now: dict[str, int | Folder] = {}
        for entry in () if path is None else path.iterdir():
            self.now[entry.name] = Folder(entry) if entry.is_dir() else entry.stat().st_ino
        self.synced = dict(self.now)


class Disk:
    """What a folder would hold after a power loss, if nothing reached the disk that was not synced.

    A file's content counts up to its size at the last `fsync` of the file, an entry of a folder as it was at the last
    `fsync` of the folder. Real file systems keep more, but none promises to.

    Args:
        watched: the folder; all that is in it now is on the disk.
    """

    def __init__(self, watched: Path):
        self.watched, self.root = watched, Folder(watched)
        self.sizes = {file.stat().st_ino: file.stat().st_size for file in watched.rglob("*") if file.is_file()}

    def replay(self, calls: list[Call]) -> None:
        """Note what calls have done to the folder."""
        for call in calls:
            if not call.done:
                continue
            folder, name = self._folder(call.path.parent), call.path.name
            if call.name == "fsync":
                if (synced := self._folder(call.path)) is not None:
                    synced.synced = dict(synced.now)
                else:
                    self.sizes[call.inode] = call.size
            elif folder is None:
                continue
            elif call.name in ("create", "truncate"):
                if name not in folder.now or call.name == "truncate":
                    folder.now[name], self.sizes[call.inode] = call.inode, 0
            elif call.name == "mkdir":
                folder.now[name] = Folder()
            elif call.name in ("unlink", "rmdir"):
                folder.now.pop(name, None)
            elif call.name == "rename":
                target = self._folder(call.other.parent)
                entry = folder.now.pop(name)
                if target is not None:
                    target.now[call.other.name] = entry

    def lose_unsynced(self, scratch: Path) -> None:
        """Put the folder into the state that is on the disk.

        Args:
            scratch: with the files that were replaced or removed, by inode; on the same file system.
        """
        contents = {
            file.stat().st_ino: file for file in (*scratch.iterdir(), *self.watched.rglob("*")) if file.is_file()
        }
        rebuilt = scratch / "rebuilt"
        self._rebuild(self.root, rebuilt, contents)
        shutil.rmtree(self.watched)
        rebuilt.rename(self.watched)

    def _rebuild(self, folder: Folder, target: Path, contents: dict[int, Path]) -> None:
        target.mkdir()
        for name, entry in folder.synced.items():
            if isinstance(entry, Folder):
                self._rebuild(entry, target / name, contents)
            else:
                (target / name).write_bytes(contents[entry].read_bytes()[: self.sizes[entry]])

    def _folder(self, path: Path) -> Folder | None:
        """Return a folder as it is now; None if there is none."""
        if not path.is_relative_to(self.watched):
            return None
        found: int | Folder | None = self.root
        for part in path.relative_to(self.watched).parts:
            found = found.now.get(part) if isinstance(found, Folder) else None
        return found if isinstance(found, Folder) else None
