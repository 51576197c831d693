"""What the doctor finds: problems with their severity, and what to do about each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dcgan.core.errors import UserError

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""From the one that prevents training to the one that is worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before training.

    Args:
        level: `error` prevents training or ends it; `warning` makes it worse than it could be; `note` is worth knowing.
        code: its name for programs, for example `broken_images`.
        text: what it is, with figures, and what to do, in sentences.
    """

    level: Level
    code: str
    text: str


def from_error(code: str, error: UserError) -> Finding:
    """Return the finding for what would end a training at its start.

    Args:
        code: its name for programs.
        error: what the training would print.
    """
    return Finding("error", code, " ".join(part for part in (error.problem, error.hint) if part))


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of `LEVELS`, those of a level in the order they were found."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))
