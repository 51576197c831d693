"""Commands, Python code, options and links in the Markdown pages that users read."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

COMMENT = re.compile(r"\s+# .*$")

BLOCK = re.compile(
    r"(?:^<!-- (?P<marker>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
INLINE = re.compile(r"`((?:python|dcgan)\s[^`]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SCRIPTS = {"train.py": ["train"], "generate.py": ["generate"]}


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Args:
        page: file in which it stands.
        text: the command, without a comment.
        reason: why it is not run; empty if it is.
    """

    page: Path
    text: str
    reason: str = ""

    @property
    def words(self) -> list[str]:
        """The command as the shell splits it; empty for a line that is only a part of a command."""
        try:
            return shlex.split(self.text.removeprefix(".venv/bin/"), comments=True)
        except ValueError:  # an open quotation
            return []

    @property
    def arguments(self) -> list[str] | None:
        """What `dcgan` is called with; None for another program."""
        words = self.words
        if words[:1] == ["dcgan"]:
            return words[1:]
        if words[:3] == ["python", "-m", "dcgan"]:
            return words[3:]
        return SCRIPTS[words[1]] + words[2:] if words[:1] == ["python"] and words[1] in SCRIPTS else None

    @property
    def benchmark(self) -> list[str] | None:
        """Module and arguments of a benchmark; None for another program."""
        words = self.words
        is_benchmark = words[:2] == ["python", "-m"] and words[2].startswith(("benchmarks.", "tests.reliability."))
        return words[2:] if is_benchmark else None


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """Return the code blocks of a language, each with the HTML comment above it, which may be empty."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(match["text"], match["marker"] or "") for match in found if match["language"] == language]


def block_commands(page: Path) -> list[Command]:
    """Return the commands of a page's shell blocks, those joined by `&&` one by one."""
    commands = []
    for text, marker in blocks(page, "bash"):
        reason = ".ci/run runs it" if marker in ("train line", "test line") else ""
        if marker.startswith("not run: "):  # an HTML comment above the block
            reason = marker.removeprefix("not run: ")
        for line in filter(None, map(str.strip, text.splitlines())):
            commands += [Command(page, part, reason) for part in COMMENT.sub("", line).split(" && ")]
    return commands


def inline_commands(page: Path) -> list[Command]:
    """Return the commands that stand in sentences and tables; the seed `S` of a table becomes 0."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = (" ".join(match.split()) for match in INLINE.findall(text))
    return [Command(page, re.sub(r"--seed S\b", "--seed 0", command)) for command in found]


def options(page: Path) -> set[str]:
    """Return every `--option` of a page."""
    return set(OPTION.findall(page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return LINK.findall(text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
