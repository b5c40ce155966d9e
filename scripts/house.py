#!/usr/bin/env python
"""Figures of the package's structure, as CONTRIBUTING.md states them.

python scripts/house.py              # print the tables
python scripts/house.py --write      # and put them into CONTRIBUTING.md
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qtokfeatures"
CARD = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- house:begin -->", "<!-- house:end -->"
KINDS = ("code", "docstring", "comment", "import", "blank")
MAIN_PATH = """
import sys, json
import qtokfeatures as qt
files = list(qt.example_files())[:3]
qt.QTokenizer(cache=None).fit_transform(files)  # what is imported at first use is not counted
touched = set()
sys.setprofile(lambda frame, event, argument: touched.add(frame.f_code.co_filename))
qt.QTokenizer(cache=None).fit_transform(files)
sys.setprofile(None)
print(json.dumps([name for name in touched if "/qtokfeatures/" in name]))
"""


def lines_by_kind(path: Path) -> Counter[str]:
    """Count the physical lines of a module by what they are."""
    text = path.read_text(encoding="utf-8")
    kinds = ["blank" if not line.strip() else "code" for line in text.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row = token.start[0] - 1
        if token.type == tokenize.COMMENT and token.line.strip().startswith("#"):
            kinds[row] = "comment"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            kind = "import"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            kind = "docstring" if isinstance(node.value.value, str) else "code"
        else:
            continue
        for row in range(node.lineno - 1, node.end_lineno or node.lineno):
            kinds[row] = kind
    return Counter(kinds)


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Return the groups of modules that import each other, type imports counted."""
    modules = sorted(graph.modules)
    place = {name: row for row, name in enumerate(modules)}
    pairs = [
        (place[name], place[other])
        for name in modules
        for other in graph.find_modules_directly_imported_by(name)
    ]
    rows, columns = np.array(pairs).T
    matrix = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(modules),) * 2)
    _, group = connected_components(matrix, directed=True, connection="strong")
    members = [[modules[i] for i in np.flatnonzero(group == g)] for g in np.unique(group)]
    return [each for each in members if len(each) > 1]


def single_importers(graph: grimp.ImportGraph) -> list[str]:
    """Return the modules that exactly one other module imports, faces of rooms left out."""
    packages = {
        ".".join(file.parent.relative_to(ROOT).parts) for file in PACKAGE.rglob("__init__.py")
    }
    return [
        name
        for name in sorted(graph.modules - packages)
        if len(graph.find_modules_that_directly_import(name)) == 1
    ]


def run(code: str) -> list[str]:
    """Run `code` in a fresh process and return the list that it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def modules_after(name: str) -> list[str]:
    """Return the modules that are loaded once the public name has been looked up."""
    return run(
        f"import sys, json, qtokfeatures; qtokfeatures.{name}; print(json.dumps(list(sys.modules)))"
    )


def public_names() -> list[str]:
    """Return the top-level names of the package that are not rooms."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    return [
        alias.name
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    ]


def table(header: list[str], rows: list[list[object]]) -> list[str]:
    """Return a Markdown table."""
    form = "| " + " | ".join(["{}"] * len(header)) + " |"
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [form.format(*header), form.format(*rule), *(form.format(*row) for row in rows)]


def tables() -> str:
    """Measure the package and return the tables as Markdown."""
    graph = grimp.build_graph("qtokfeatures")
    rooms: dict[str, Counter[str]] = {}
    files: Counter[str] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        room = parts[0] if len(parts) > 1 else "(top)"
        rooms.setdefault(room, Counter()).update(lines_by_kind(path))
        files[room] += 1
    total = sum(rooms.values(), Counter())
    size = sum(total.values())
    lines = [
        [room, files[room], sum(kinds.values()), *(kinds[kind] for kind in KINDS)]
        for room, kinds in sorted(rooms.items(), key=lambda item: -sum(item[1].values()))
    ]
    lines.append(["all", sum(files.values()), size, *(total[kind] for kind in KINDS)])
    largest = max(sum(kinds.values()) for kinds in rooms.values()) / size
    names = public_names()
    loaded = {name: modules_after(name) for name in names}
    own = {name: sum(m.split(".")[0] == "qtokfeatures" for m in loaded[name]) for name in names}
    touched = run(MAIN_PATH)
    figures = [
        ["lines of the package", size],
        ["files", sum(files.values())],
        ["share of the largest room, %", f"{100 * largest:.0f}"],
        ["groups of modules that import each other", len(circles(graph))],
        ["files that one other file imports", len(single_importers(graph))],
        ["files that `QTokenizer().fit_transform` runs", len(touched)],
        ["public names at the top, rooms left out", len(names)],
    ]
    imports = [
        [f"`{name}`", own[name], "yes" if "torch" in loaded[name] else "no"]
        for name in sorted(names, key=lambda name: (-own[name], name))
    ]
    return "\n".join(
        [
            *table(["what", "now"], figures),
            "",
            *table(["room", "files", "lines", *KINDS], lines),
            "",
            *table(["after `qtokfeatures.NAME`", "own modules loaded", "torch loaded"], imports),
        ]
    )


def main() -> None:
    """Print the tables, and write them into the page where asked to."""
    if sys.argv[1:] not in ([], ["--write"]):
        sys.exit(__doc__)
    found = tables()
    print(found)
    if sys.argv[1:]:
        page = CARD.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        CARD.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
