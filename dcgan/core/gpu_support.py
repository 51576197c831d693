"""Why a GPU can't be used with the installed TensorFlow, and what to do about it."""

import platform
import re
import sys
from collections.abc import Sequence

from dcgan.core.errors import UserError
from dcgan.core.nvidia import Card

INSTALL_COMMAND = "pip install 'tensorflow[and-cuda]==2.21.0'"

MIN_DRIVER, MIN_DRIVER_WSL = "525.60.13", "528.33"
"""Oldest drivers for CUDA 12 on Linux, and on Windows for WSL2 (NVIDIA's CUDA 12 release notes, table of drivers)."""


NO_DRIVER = (
    "The NVIDIA card is not used: its driver is not installed or does not answer. See what nvidia-smi reports, and "
    "docs/gpu.md; a container has to be started with its GPUs (docker run --gpus all)."
)


def missing_gpu_reason(
    cards: Sequence[Card],
    build: dict[str, object],
    hidden_by: str | None = None,
    system: str = sys.platform,
    *,
    in_machine: bool = False,
    listed: Sequence[str] = (),
) -> str:
    """Explain why TensorFlow sees no GPU on this machine.

    Args:
        cards: the NVIDIA cards of this machine.
        build: what `tf.sysconfig.get_build_info` returns.
        hidden_by: value of the environment variable `CUDA_VISIBLE_DEVICES`; None where it is not set.
        system: `sys.platform`.
        in_machine: whether the machine has an NVIDIA card, if the driver lists none.
        listed: models of the cards that only `nvidia-smi` lists.

    Returns:
        Reason and remedy in one line; empty where there is no card to be seen.
    """
    if system == "darwin":
        return (
            "TensorFlow uses the CPU: it has no GPU build for macOS, and tensorflow-metal does not load with "
            "TensorFlow 2.18 or later."
        )
    names = " and ".join(dict.fromkeys([card.name for card in cards] or listed))  # each model once
    if not names:
        return NO_DRIVER if in_machine else ""
    if system == "win32":
        return f"{names} is not used: TensorFlow has no GPU build for Windows since 2.11. Install the program in WSL2."
    if hidden_by is not None and hidden_by.strip().lower() in ("", "-1", "nodevfiles"):
        return f"{names} is not used: CUDA_VISIBLE_DEVICES={hidden_by} hides it."
    if not build.get("is_cuda_build"):
        return f"{names} is not used: this build of TensorFlow has no CUDA. See docs/gpu.md."
    if reason := old_driver_reason(cards, build):
        return reason
    return f"{names} is not used: TensorFlow does not find the CUDA libraries. Install them: {INSTALL_COMMAND}"


def old_driver_reason(cards: Sequence[Card], build: dict[str, object]) -> str:
    """Explain that the driver is older than TensorFlow's CUDA needs.

    Args:
        cards: the NVIDIA cards of this machine.
        build: what `tf.sysconfig.get_build_info` returns.

    Returns:
        Both versions and the remedy in one line; empty where the driver is new enough.
    """
    if not cards:
        return ""
    driver = cards[0].driver_version
    is_wsl = "microsoft" in platform.uname().release.lower()
    minimum = MIN_DRIVER_WSL if is_wsl else MIN_DRIVER
    if _numbers(driver) >= _numbers(minimum):
        return ""
    cuda = build.get("cuda_version", "12")
    where = " in Windows" if is_wsl else ""
    return (
        f"The NVIDIA driver {driver} is too old: TensorFlow's CUDA {cuda} needs {minimum} or later. "
        f"Update the driver{where}."
    )


def check_compute_capability(name: str, capability: tuple[int, int] | None, build: dict[str, object]) -> None:
    """Check that TensorFlow has kernels for a card, before an operation on it ends the process.

    A wheel has kernels for several architectures; one serves later minor versions, too. For later major versions there
    is intermediate code (`compute_90`), but some of TensorFlow's kernels don't load from it.

    Args:
        name: name of the card.
        capability: (major, minor) compute capability of the card; None, which passes, where it is not known.
        build: what `tf.sysconfig.get_build_info` returns.

    Raises:
        UserError: the card is newer or older than what TensorFlow was built for.
    """
    listed = (re.fullmatch(r"(?:sm|compute)_(\d+)(\d)\w?", str(text)) for text in _built_for(build))
    built = sorted((int(match[1]), int(match[2])) for match in listed if match)
    if capability is None or not built or (built[0] <= capability and capability[0] <= built[-1][0]):
        return
    problem = (
        f"TensorFlow has no kernels for {name}: its compute capability is {_dotted(capability)}, and this TensorFlow "
        f"was built for {_dotted(built[0])} to {_dotted(built[-1])}."
    )
    if capability < built[0]:
        raise UserError(problem, "Use --device cpu, or another GPU (--device gpu:1).")
    hint = "Use NVIDIA's TensorFlow container from NGC or another build (see docs/gpu.md), or --device cpu."
    raise UserError(problem, hint)


def _built_for(build: dict[str, object]) -> Sequence[object]:
    """Return the architectures that TensorFlow was built for; none for a build without CUDA."""
    value = build.get("cuda_compute_capabilities")
    return value if isinstance(value, (list, tuple)) else ()


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare in order."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
