"""The pages of the documentation: their links, their Python code, the messages that they quote."""

import ast
import re
import runpy
import shutil

import pytest

from tests.support.documentation import PAGES, ROOT, anchors, blocks, links

PYTHON = [page for page in PAGES if blocks(page, "python")]
TEXTS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "checkpoints" / "README.md"]


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_exist(page):
    for link in links(page):
        if "://" not in link:
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_python_files_that_a_page_names_exist(page):
    for name in re.findall(r"`([\w/]+/\w+\.py)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or (ROOT / "dcgan" / name).exists(), name


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_table_has_its_header(page):
    parts = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL).split("\n\n")
    tables = [[line.strip() for line in part.strip().splitlines()] for part in parts if part.strip().startswith("|")]
    assert [table[0] for table in tables if not re.fullmatch(r"(\|( ?:?-+:? ?))+\|", table[1])] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_the_python_code_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    from dcgan.data.sources import SOURCES
    from dcgan.evaluation.metrics import METRICS
    from dcgan.export.formats import FORMATS

    shutil.copytree(ROOT / "checkpoints" / "mnist", tmp_path / "checkpoints" / "mnist")
    script = tmp_path / f"{page.stem}_page.py"  # a file, since AutoGraph reads the source of a loss
    script.write_text("\n".join(code for code, _ in blocks(page, "python")), encoding="utf-8")
    tables = [SOURCES, METRICS, FORMATS]
    before = [dict(table) for table in tables]
    try:
        runpy.run_path(str(script))
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)


@pytest.mark.parametrize("name", ["troubleshooting.md", "gpu.md"])
def test_messages_quoted_under_troubleshooting_are_the_program_s(name):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    symptoms = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    quoted = [symptom.split('"')[1] for symptom in symptoms if '"' in symptom]
    texts = "\n".join(
        node.value
        for file in (ROOT / "dcgan").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    assert len(quoted) >= 2
    assert [message for message in quoted if message not in texts] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 220
