"""Change and cut the files of a run one after the other, and resume it: `python -m tests.reliability.damage`.

A training stops after 4 of 7 steps. In a copy of its folder, one byte of one file is changed, or the file is cut or
removed, and the same command runs again. It may end with the bytes of an undisturbed run, since the damage could be
repaired or did not matter; with a message that names the file; or without the lost lines or the lost best generator, if
it says so. Anything else is a failure: a traceback, or a run that is silently another one.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.reliability.faults import Fault, run_with_fault, start_with_faults
from tests.reliability.small_run import collect, fresh, prepare, train

SURVIVED = "unharmed", "noticed", "noticed and repaired", "refused"

Damage = Callable[[bytes], bytes | None]
"""From the content of a file to the damaged content; None removes the file."""


def main(arguments: list[str] | None = None) -> int:
    """Damage every file of a run in many places; return 0 if no run was silently another one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=16, help="bytes that are changed in each file")
    parser.add_argument("--only", default="", help="end of the names of the files that are damaged")
    options = parser.parse_args(arguments)
    start_with_faults("tests.reliability.damage")
    began, counts, failures = time.monotonic(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for what, result in _results(Path(folder), options.places, options.only):
            counts[result] += 1
            if result not in SURVIVED:
                failures += 1
                print(f"{what}: {result}", flush=True)
    total = sum(counts.values())
    print(f"{total - failures} of {total} damages survived ({dict(counts)}), {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _results(folder: Path, places: int, only: str) -> Iterator[tuple[str, str]]:
    """Yield every damage, and how a training on the damaged file ended."""
    template, work, stopped, scratch = (
        prepare(folder, clusters=2),
        folder / "work",
        folder / "stopped",
        folder / "scratch",
    )
    fresh(template, stopped)
    _run_undamaged(stopped, scratch, "--steps", "4")
    fresh(stopped, work)
    _run_undamaged(work, scratch)
    reference = collect(work)
    for file in sorted(path for path in stopped.rglob("*") if path.is_file()):
        relative = file.relative_to(stopped)
        if relative.parts[0] == "images" or file.name.endswith(".lock") or not file.name.endswith(only):
            continue
        content = file.read_bytes()
        for what, damage in damages(content, places):
            fresh(stopped, work)
            damaged = damage(content)
            (work / relative).unlink()
            if damaged is not None:
                (work / relative).write_bytes(damaged)
            outcome = run_with_fault(train, work, scratch, Fault.NONE)
            yield f"{relative}, {what}", result_of(outcome.code, outcome.output, file.name, work, reference)


def _run_undamaged(work: Path, scratch: Path, *arguments: str) -> None:
    outcome = run_with_fault(lambda: train(*arguments), work, scratch, Fault.NONE)
    if outcome.code:
        sys.exit(f"The undamaged training failed:\n{outcome.output}")


def damages(content: bytes, places: int) -> Iterator[tuple[str, Damage]]:
    """Yield damages with their descriptions."""
    step = max(1, len(content) // places)
    for position in range(step // 2, len(content), step):
        yield f"byte {position} changed", lambda old, at=position: old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :]
    yield "cut in half", lambda old: old[: len(old) // 2]
    yield "emptied", lambda old: b""
    yield "removed", lambda old: None


def result_of(code: int, output: str, name: str, work: Path, reference: dict[str, object]) -> str:
    """Return how a training on damaged files ended."""
    if "Traceback" in output:
        return "traceback"
    said = name in output.replace("Latest samples", "")
    if code == 2:
        return "refused" if said and "error: " in output else "refused without naming the file"
    if code:
        return f"exit code {code}"
    found = collect(work)
    different = {key for key in reference.keys() | found.keys() if reference.get(key) != found.get(key)}
    different -= {f"run/samples/{name}"}  # an earlier grid, which PNG's own checksums protect
    if not different:
        return "noticed and repaired" if said else "unharmed"
    if said and name == "step-00000002.npz":
        return "noticed"  # the run is rolled back to the checkpoint before it
    with_it = {"log.jsonl": "run/checkpoints/", "best.keras": "run/best.json", "best.json": "run/best.keras"}
    if said and all(Path(key).name == name or key.startswith(with_it.get(name, name)) for key in different):
        return "noticed"
    return f"silently other {', '.join(sorted(different))}"


if __name__ == "__main__":
    sys.exit(main())
