"""Fuzz every reader of foreign bytes: `python -m tests.reliability.hostile_data [--executions N] [--only READER]`.

With `atheris` (`pip install atheris`), coverage guides the inputs; without it, Hypothesis damages valid files. Each
reader runs in a process of its own, whose memory and whose time for one input are limited. An input that fails is
written to `corpus/READER/`, once per place in the code, and the tests read it again from then on.
"""

import argparse
import hashlib
import importlib.util
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

MEMORY_MB = {"keras": 4096}
SECONDS_PER_INPUT = 20
TOTAL = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Fuzz all readers or one; return 0 if none failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=TOTAL, help="number of inputs for all readers together")
    parser.add_argument("--only", default="", metavar="READER", help="names of readers, separated by commas")
    parser.add_argument("--here", action="store_true", help="fuzz the only reader in this process")
    options = parser.parse_args(arguments)
    if options.here:
        return _fuzz(options.only, options.executions)
    from tests.reliability.hostile_targets import TARGETS

    failed = 0
    for name in options.only.split(",") if options.only else TARGETS:
        executions = max(1, TARGETS[name].executions * options.executions // TOTAL)
        failed += _fuzz_in_a_process(name, executions)
    return 1 if failed else 0


def _fuzz_in_a_process(name: str, executions: int) -> int:
    """Fuzz a reader, print how it went, and return the number of failures."""
    command = [sys.executable, "-m", __spec__.name, "--here", "--only", name, "--executions", str(executions)]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    output = done.stdout + done.stderr
    failures = re.findall(r"^FAILURE (.*)$", output, re.MULTILINE)
    counts = re.findall(r"^(?:#|Done )(\d+)", output, re.MULTILINE)
    if done.returncode not in (0, -signal.SIGALRM) and not failures:  # its timer may outlive libFuzzer
        failures = [f"the process ended with {done.returncode}: {output[-2000:]}"]
    count = int(counts[-1]) if counts else 0
    print(f"{name}: {count} executions, {len(failures)} failures, {time.monotonic() - began:.0f} s", flush=True)
    for failure in failures:
        print(f"  {failure}", flush=True)
    return len(failures)


def _fuzz(name: str, executions: int) -> int:
    """Fuzz a reader in this process, which ends with that if `atheris` is there."""
    has_atheris = importlib.util.find_spec("atheris") is not None
    if has_atheris:
        import atheris

        with atheris.instrument_imports(include=["dcgan", "zipfile", "tarfile", "json", "yaml", "gzip"]):
            from tests.reliability.hostile_targets import TARGETS, clear, corpus
    else:
        from tests.reliability.hostile_targets import TARGETS, clear, corpus

    target, seen = TARGETS[name], set()
    seeds = [*target.seeds(), *(path.read_bytes() for path in corpus(name))]
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        folder = Path(scratch) / "input"
        folder.mkdir()

        def run(data: bytes) -> None:
            try:
                target.run(folder, data)
            except Exception as error:
                _record(name, data, error, seen)
            clear(folder)

        guide = _fuzz_with_coverage if has_atheris else _fuzz_with_mutations
        guide(name, run, seeds, target.tokens, target.max_bytes, executions, Path(scratch))
    return 1 if seen else 0


def _record(name: str, data: bytes, error: Exception, seen: set[tuple[str, ...]]) -> None:
    """Keep an input that failed, once per type of the error and place in the package."""
    from tests.reliability.hostile_targets import CORPUS

    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "dcgan" in frame.filename.split("site-packages")[0]] or frames
    place = type(error).__name__, ours[-1].filename, str(ours[-1].lineno)
    if place in seen:
        return
    seen.add(place)
    path = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    where = f"{Path(place[1]).name}:{place[2]}"
    print(f"FAILURE {place[0]} at {where}: {str(error)[:200]!r} ({path})", flush=True)


def _fuzz_with_coverage(
    name: str,
    run: Callable[[bytes], None],
    seeds: list[bytes],
    tokens: tuple[bytes, ...],
    max_bytes: int,
    executions: int,
    scratch: Path,
) -> None:
    import atheris

    inputs, artifacts = scratch / "inputs", scratch / "artifacts"
    inputs.mkdir()
    artifacts.mkdir()
    for number, seed in enumerate(seeds):
        (inputs / str(number)).write_bytes(seed)
    words = ("".join(f"\\x{byte:02x}" for byte in token[:60]) for token in tokens if token)
    (scratch / "words").write_text("".join(f'"{word}"\n' for word in words))
    options = {
        "atheris_runs": executions,
        "max_len": max_bytes,
        "timeout": SECONDS_PER_INPUT,
        "rss_limit_mb": MEMORY_MB.get(name, 2048),
        "dict": scratch / "words",
        "artifact_prefix": f"{artifacts}/",
        "seed": 1,
    }
    arguments = [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(inputs)]
    atheris.Setup(arguments, run)
    atheris.Fuzz()


def _fuzz_with_mutations(
    name: str,
    run: Callable[[bytes], None],
    seeds: list[bytes],
    tokens: tuple[bytes, ...],
    max_bytes: int,
    executions: int,
    scratch: Path,
) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    from tests.reliability.hostile_targets import mutations

    quiet = settings(
        max_examples=executions,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    quiet(given(mutations(seeds, tokens, max_bytes))(run))()
    print(f"Done {executions}")


if __name__ == "__main__":
    sys.exit(main())
