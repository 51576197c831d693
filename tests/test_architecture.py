"""Each package imports only from the floors below it, in the order of docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = re.findall(r"^  (\w+)/ ", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)


def imported_packages(module: Path) -> set[str]:
    """Return the packages of `dcgan` that a module imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "dcgan":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dcgan."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("dcgan.")}
    return names & set(FLOORS)


def test_the_document_lists_every_package() -> None:
    assert sorted(FLOORS) == sorted(path.parent.name for path in (ROOT / "dcgan").glob("*/__init__.py"))


@pytest.mark.parametrize("package", FLOORS)
def test_no_package_imports_from_a_floor_above(package: str) -> None:
    above = set(FLOORS[: FLOORS.index(package)])
    imports = {
        str(path.relative_to(ROOT)): imported_packages(path) for path in (ROOT / "dcgan" / package).rglob("*.py")
    }
    assert imports
    assert {path: names & above for path, names in imports.items() if names & above} == {}
