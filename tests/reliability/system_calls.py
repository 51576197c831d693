"""Let every system call of a training on files fail, and be the last one: `python -m tests.reliability.system_calls`.

The training prepares a dataset cache, logs, evaluates, keeps the best generator, samples, writes and prunes
checkpoints, collapses and is rolled back. For the n-th call, the same command runs three times in a fresh folder: once
the call fails (an error of `ERRORS`, in turn), once the process dies instead of it, and once everything that was not
synced is lost as well. After that, the command runs again without a fault, and has to end with the bytes of an
undisturbed run.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.faults import ERRORS, Fault, Outcome, run_with_fault, start_with_faults
from tests.reliability.small_run import collect, fresh, prepare, train


def main(arguments: list[str] | None = None) -> int:
    """Run all faults, or some; return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", default="", help="numbers of the calls, separated by commas; by default, all")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th call")
    parser.add_argument("--start", type=int, default=1, help="number of the first call")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after this time")
    options = parser.parse_args(arguments)
    start_with_faults("tests.reliability.system_calls")
    with tempfile.TemporaryDirectory() as folder:
        return _main(options, Path(folder))


def _main(options: argparse.Namespace, folder: Path) -> int:
    began = time.monotonic()
    template, work, scratch = prepare(folder), folder / "work", folder / "scratch"
    expected = _undisturbed(template, work, scratch)
    calls = [call for call in expected.calls if not call.done]
    print(f"{len(calls)} calls: {dict(Counter(call.name for call in calls).most_common())}", flush=True)
    reference = collect(work)
    chosen = [int(n) for n in options.calls.split(",") if n] or range(options.start, len(calls) + 1, options.every)
    counts, failures, survived = Counter(), [], 0
    for number in chosen:
        if time.monotonic() - began > 60 * options.minutes:
            print(f"Ended before call {number}.")
            break
        for fault in (ERRORS[number % len(ERRORS)], Fault.DEATH, Fault.POWER_LOSS):
            fresh(template, work)
            outcome = run_with_fault(train, work, scratch, fault, number)
            counts[fault.name] += 1
            problems = list(problems_of(outcome, fault, work, reference))
            again = run_with_fault(train, work, scratch.with_name("again"), Fault.NONE)
            problems += list(problems_of(again, Fault.NONE, work, reference, outcome.output))
            survived += not problems
            if problems:
                failures.append((number, fault))
                call = calls[number - 1]
                where = call.path.relative_to(work)
                print(f"{number} {call.name} {where}, {fault.name}: {'; '.join(problems)}", flush=True)
                print(f"{outcome.output}--- again ---\n{again.output}", file=sys.stderr)
    total = sum(counts.values())
    print(f"{survived} of {total} faults survived ({dict(counts)}), {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


def _undisturbed(template: Path, work: Path, scratch: Path) -> Outcome:
    fresh(template, work)
    outcome = run_with_fault(train, work, scratch, Fault.NONE)
    if outcome.code:
        sys.exit(f"The undisturbed training failed:\n{outcome.output}")
    return outcome


def problems_of(
    outcome: Outcome, fault: Fault, work: Path, reference: dict[str, object], before: str = ""
) -> Iterator[str]:
    """Yield what is wrong with how a training ended.

    Args:
        outcome: how it ended.
        fault: what happened to it.
        work: its folder.
        reference: what an undisturbed training leaves.
        before: output of the training that it resumes, which says which grids of samples could not be written.
    """
    if fault in (Fault.DEATH, Fault.POWER_LOSS):
        if outcome.code != 137:
            yield f"exit code {outcome.code} instead of death"
        return
    if outcome.code not in ((0,) if fault is Fault.NONE else (0, 2)):
        yield f"exit code {outcome.code}"
    if "Traceback" in outcome.output:
        yield "a traceback"
    if outcome.code == 2 and "error: " not in outcome.output:
        yield "no message"
    if outcome.code == 0:
        found = collect(work)
        said = {name for name in reference if f"{name} can't be written" in outcome.output + before}
        names = (reference.keys() | found.keys()) - said
        if different := sorted(name for name in names if reference.get(name) != found.get(name)):
            yield f"ended with other {', '.join(different)}"


if __name__ == "__main__":
    sys.exit(main())
