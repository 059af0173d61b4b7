"""Each row of conformance.md names a requirement and a test that exists."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
DOCUMENT = Path(__file__).with_name("conformance.md")
ROW = re.compile(r"\| (\w+) \| (.+) \| (.+) \| `(.+)::(.+)` \|")
LEAST_ROWS = 60


class Row(NamedTuple):
    id: str
    requirement: str
    where: str
    path: str
    test: str


def read_rows() -> list[Row]:
    """Return the rows of all tables; any other line of a table is its head."""
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("|")]
    rows = [line for line in lines if not line.startswith(("| id |", "|---"))]
    matches = [ROW.fullmatch(row) for row in rows]
    assert None not in matches, rows[matches.index(None)]
    return [Row(*match.groups()) for match in matches if match is not None]


ROWS = read_rows()


@cache
def names_in(path: str) -> set[str]:
    """Return the names of a file's tests, those of a class behind the class's."""
    found = set()
    for node in ast.parse((TESTS / path).read_text("utf-8")).body:
        found |= functions_in([node])
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{name}" for name in functions_in(node.body)}
    return found


def functions_in(nodes: Iterable[ast.stmt]) -> set[str]:
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_test_of_a_row_exists(row: Row) -> None:
    assert row.test in names_in(row.path)


def test_no_requirement_is_there_twice() -> None:
    requirements = [(row.requirement, row.where) for row in ROWS]

    assert len(set(requirements)) == len(ROWS) >= LEAST_ROWS


def test_ids_are_numbered_from_1_in_each_table() -> None:
    ids = [(row.id[0], int(row.id[1:])) for row in ROWS]

    tables = {letter: [number for _, number in own] for letter, own in groupby(ids, lambda i: i[0])}
    assert len(tables) == len(list(groupby(ids, lambda i: i[0])))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in tables.values())
