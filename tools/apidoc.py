"""Why this exists: the API reference is read out of the docstrings, so it cannot say anything else than the code does.

    python tools/apidoc.py docs/api            writes one page for each public module, and an index
    python tools/apidoc.py docs/api --check    exit 1 if the pages are not as they would be written

Syntax trees only: nothing is imported, so it also runs where nothing is installed. Public is what has no underscore;
a package's page lists what its `__all__` offers and where that is described.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pysec"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_public(name: str) -> bool:
    """Whether others may use it."""
    return not name.startswith("_")


def doc(node: ast.Module | ast.ClassDef | Function) -> str:
    """A docstring, or nothing."""
    return ast.get_docstring(node) or ""


def decorators(node: ast.ClassDef | Function) -> list[str]:
    """The names of the decorators, without arguments."""
    return [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]


def signature(node: Function) -> str:
    """What is written between the parentheses, without self, and the result."""
    args = ast.unparse(node.args)
    for first in ("self", "cls"):
        if args == first:
            args = ""
        args = args.removeprefix(f"{first}, ")
    args = args.removeprefix("/, ")
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({args}){result}"


def function_lines(node: Function, owner: str = "") -> Iterator[str]:
    """One function or method."""
    name = f"{owner}.{node.name}" if owner else node.name
    marks = decorators(node)
    if "property" in marks or "cached_property" in marks:
        result = f": {ast.unparse(node.returns)}" if node.returns else ""
        yield f"#### `{name}{result}`"
    else:
        kind = next((f"{m} " for m in ("classmethod", "staticmethod") if m in marks), "")
        yield f"#### `{kind}{name}{signature(node)}`"
    yield ""
    if text := doc(node):
        yield text
        yield ""


def is_shown(node: ast.stmt) -> bool:
    """Whether a function is for a reader: public, described, and not the other half of a property or an overload."""
    if not isinstance(node, Function) or not doc(node):
        return False
    if any(mark.endswith((".setter", "overload")) for mark in decorators(node)):
        return False
    return is_public(node.name)


def is_field(node: ast.stmt) -> bool:
    """Whether a line of a class body is a public field, a member of an enum or a constant."""
    if isinstance(node, ast.AnnAssign):
        return is_public(ast.unparse(node.target))
    return isinstance(node, ast.Assign) and is_public(ast.unparse(node.targets[0]))


def class_lines(node: ast.ClassDef) -> Iterator[str]:
    """A class: how it is made, its fields, its methods."""
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    yield f"### class `{node.name}{f'({bases})' if bases else ''}`"
    yield ""
    if text := doc(node):
        yield text
        yield ""
    for item in node.body:
        if isinstance(item, Function) and item.name == "__init__":
            yield f"    {node.name}{signature(item).partition(' -> ')[0]}"
            yield ""
            if text := doc(item):
                yield text
                yield ""
    fields = [ast.unparse(item) for item in node.body if is_field(item)]
    if fields:
        yield from (f"    {field}" for field in fields)
        yield ""
    for item in node.body:
        if is_shown(item):
            assert isinstance(item, Function)
            yield from function_lines(item, node.name)


def exports(tree: ast.Module, module: str) -> Iterator[str]:
    """What `__all__` of a package offers, with the page that describes it."""
    origin = {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = [str(name) for name in ast.literal_eval(node.value)]
    if names:
        yield "Offers:"
        yield ""
        for name in names:
            home = origin.get(name)
            yield f"- `{name}`" + (f", of [{home}]({home}.md)" if home and home.startswith(PACKAGE) else "")
        yield ""


def page(path: Path, module: str) -> str:
    """The page of one module; empty if it has nothing to say."""
    tree = ast.parse(path.read_text("utf-8"))
    lines = [f"# {module}", "", doc(tree), ""]
    if path.name == "__init__.py":
        lines += exports(tree, module)
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and is_public(n.name)]
    functions = [n for n in tree.body if isinstance(n, Function) and is_shown(n)]
    if classes:
        lines += ["## Classes", ""]
        for node in classes:
            lines += class_lines(node)
    if functions:
        lines += ["## Functions", ""]
        for function in functions:
            lines += [line.replace("#### ", "### ", 1) for line in function_lines(function)]
    if not doc(tree) and len(lines) == 4:
        return ""
    return "\n".join(lines).rstrip() + "\n"


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Every public module of the package, by its dotted name."""
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if all(is_public(part) for part in parts):
            yield ".".join(parts), path


def reference(root: Path = ROOT) -> dict[str, str]:
    """All pages, by file name."""
    pages = {}
    index = ["# API reference", "", "Written by `make docs` out of the docstrings; see docs/ARCHITECTURE.md first.", ""]
    for module, path in modules(root):
        text = page(path, module)
        if not text:
            continue
        pages[f"{module}.md"] = text
        first = doc(ast.parse(path.read_text("utf-8"))).partition("\n")[0].removeprefix("Why this exists: ")
        index.append(f"- [{module}]({module}.md): {first}")
    pages["README.md"] = "\n".join(index) + "\n"
    return pages


def main(argv: list[str]) -> int:
    """Write the pages, or check them."""
    if len(argv) < 2:
        print("usage: apidoc.py FOLDER [--check]", file=sys.stderr)
        return 2
    folder, pages = Path(argv[1]), reference()
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.md")} if folder.is_dir() else {}
    if "--check" in argv:
        stale = sorted(name for name in pages | there if pages.get(name) != there.get(name))
        if stale:
            print(f"stale: {', '.join(stale)}; type: make docs", file=sys.stderr)
        return int(bool(stale))
    folder.mkdir(parents=True, exist_ok=True)
    for name in there.keys() - pages.keys():
        (folder / name).unlink()
    for name, text in pages.items():
        if there.get(name) != text:
            (folder / name).write_text(text, "utf-8")
    print(f"{len(pages)} pages in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
