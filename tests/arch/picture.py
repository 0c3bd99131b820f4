"""Why this exists: the picture in docs/ARCHITECTURE.md stays true only if a machine reads the code against it.

Each function takes the root of a tree and returns what is wrong in it, one line for each fault; an empty list means
that the tree agrees with the picture. They read text and syntax trees and import nothing, so that the tests can run
them on planted trees as well as on this one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.conformance import tags_in

# a <- b: b may include a.
C_LAYERS = ("base", "gcm", "macsec", "port", "api")
PUBLIC_HEADERS = ("pysec.h", "pysec_gcm.h", "pysec_port.h")
PUBLIC_FROM = "macsec"
# What a layer below `port` must not even include: a socket, a clock, a file.
PORT_ONLY = re.compile(
    r"(sys/(socket|ioctl|epoll|time|timerfd|un)|net/.*|netinet/.*|linux/.*|poll|time|fcntl|stdio)\.h"
)

# Ranks of pysec's modules: one may import what ranks lower, and itself.
PY_RANKS = {
    "types": 0, "errors": 0, "secret": 0, "protocols": 0,
    "wire": 1, "dataplane": 1,
    "": 2,  # pysec/__init__.py, which re-exports
    "mka": 2, "cp": 2, "sa": 2, "identity": 2,
    "pae": 3, "keyfile": 3,
    "drivers": 4,
    "runtime": 5,
    "mgmt": 6, "tools": 6, "scapy": 6,
    "lab": 7,  # shows on a live wire what tools read offline
    "cli": 8,
    "__main__": 9,  # python -m pysec
}  # fmt: skip
BOTTOM: dict[str, set[str]] = {
    "types": {"errors"},
    "errors": set(),
    "secret": {"errors"},
    "protocols": {"types", "errors", "secret"},
}
# Protocols without I/O: what they know of a SecY is a Protocol, so that the simulator and a switch can be one.
ENGINES = ("pysec.wire", "pysec.mka", "pysec.cp", "pysec.sa.plan", "pysec.pae", "pysec.identity")
NOT_FOR_ENGINES = re.compile(r"(socket|selectors|asyncio|threading|subprocess|time|random|secrets|datetime)(\.|$)")

MAX_LINES = 450
# Files that may be longer, each with the reason.
LONG_FILES: dict[str, str] = {}


def files(root: Path, *globs: str) -> Iterator[Path]:
    """The files below root that match, in order, without anything generated."""
    for pattern in globs:
        for path in sorted(root.glob(pattern)):
            if path.name != "_native.c" and "__pycache__" not in path.parts:
                yield path


def c_layers(root: Path) -> list[str]:
    """Includes that climb: base <- gcm <- macsec <- port <- api."""
    csrc = root / "csrc"
    faults = []
    for path in files(csrc, "**/*.[ch]"):
        layer = path.relative_to(csrc).parts[0]
        name = path.relative_to(root).as_posix()
        if layer not in C_LAYERS:
            if layer not in PUBLIC_HEADERS:
                faults.append(f"{name}: is in no layer of the picture")
            continue
        rank = C_LAYERS.index(layer)
        for mark, target in re.findall(r'^\s*#\s*include\s+(["<])([^">]+)[">]', path.read_text("utf-8"), re.M):
            if mark == "<":
                if rank < C_LAYERS.index("port") and PORT_ONLY.fullmatch(target):
                    faults.append(f"{name}: {layer} includes <{target}>: no socket, file or clock below port")
                continue
            found = next((p for p in (path.parent / target, csrc / target) if p.exists()), None)
            if found is None:
                faults.append(f"{name}: includes {target}, which is not in csrc/")
                continue
            owner = found.resolve().relative_to(csrc.resolve()).parts[0]
            if owner in PUBLIC_HEADERS:
                if rank < C_LAYERS.index(PUBLIC_FROM):
                    faults.append(f"{name}: {layer} includes {owner}: {layer} has never heard of a frame")
            elif C_LAYERS.index(owner) > rank:
                faults.append(f"{name}: {layer} includes {target} of {owner}, which lies above it")
    return faults


def imports(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it they stand, `from x import y` as x.y."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, base] if base else parts)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def module_name(root: Path, path: Path) -> tuple[str, bool]:
    """The dotted name of a file of the package, and whether it is a package's own file."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def part_of(dotted: str) -> str:
    """The part of pysec that a dotted name belongs to: pysec.tools.pcap -> tools; "" for what pysec re-exports."""
    first = dotted.split(".")[1] if "." in dotted else ""
    return first if first in PY_RANKS else ""


def python_layers(root: Path) -> list[str]:
    """Imports that climb, and importers of the compiled module other than dataplane."""
    faults = []
    for path in files(root, "pysec/**/*.py"):
        name, (module, is_package) = path.relative_to(root).as_posix(), module_name(root, path)
        own_part = module.split(".")[1] if "." in module else ""
        if own_part not in PY_RANKS:
            faults.append(f"{name}: {own_part} has no place in the picture")
            continue
        is_engine = any(f"{module}.".startswith(f"{engine}.") for engine in ENGINES)
        for dotted in imports(ast.parse(path.read_text("utf-8")), module, is_package):
            # What a certificate says of time is a datetime; what the time is, comes in as an argument there too.
            is_date = dotted == "datetime" and module.startswith("pysec.identity.")
            if is_engine and not is_date and NOT_FOR_ENGINES.match(dotted):
                faults.append(f"{name}: an engine imports {dotted}; time and chance come in as arguments")
            if not dotted.startswith("pysec"):
                continue
            if dotted.split(".")[:2] == ["pysec", "_native"]:
                if own_part != "dataplane":
                    faults.append(f"{name}: imports pysec._native; only pysec/dataplane may")
                continue
            theirs = part_of(dotted)
            if is_engine and theirs in ("dataplane", ""):
                faults.append(f"{name}: an engine imports {dotted}; it knows a SecY as a Protocol only")
                continue
            if own_part in BOTTOM:
                allowed = theirs in BOTTOM[own_part]
            else:
                allowed = theirs == own_part or PY_RANKS[theirs] < PY_RANKS[own_part]
            if not allowed:
                faults.append(f"{name}: {own_part or 'pysec'} imports {dotted}, which does not lie below it")
    return faults


def file_sizes(root: Path) -> list[str]:
    """Files past the length at which a second idea usually hides in them."""
    faults = []
    for path in files(root, "csrc/**/*.[ch]", "pysec/**/*.py", "bench/**/*.py", "tests/**/*.py", "tools/*.py"):
        name = path.relative_to(root).as_posix()
        lines = path.read_text("utf-8").count("\n")
        if lines > MAX_LINES and name not in LONG_FILES:
            faults.append(f"{name}: {lines} lines; at most {MAX_LINES}, or a reason in LONG_FILES")
    return faults


def clause_tags(root: Path) -> list[str]:
    """Clauses that the code claims to obey, and no test names."""
    tested: set[str] = set()
    for path in files(root, "tests/**/test_*.py"):
        if "arch" not in path.relative_to(root).parts:
            tested |= tags_in(path)
    where: dict[str, list[str]] = {}
    for path in files(root, "csrc/**/*.[ch]", "pysec/**/*.py"):
        for tag in tags_in(path) - tested:
            where.setdefault(tag, []).append(path.relative_to(root).as_posix())
    return [f"{tag}: claimed in {', '.join(where[tag])}; no test under tests/ bears this tag" for tag in sorted(where)]


def docstrings(root: Path) -> list[str]:
    """Modules that do not open with why they exist."""
    faults = []
    for path in files(root, "pysec/**/*.py", "tools/*.py", "bench/**/*.py"):
        text = path.read_text("utf-8")
        if path.name == "__init__.py" and not text.strip():
            continue
        if not (ast.get_docstring(ast.parse(text)) or "").startswith("Why this exists"):
            faults.append(f"{path.relative_to(root).as_posix()}: does not open with why it exists")
    for path in files(root, "csrc/**/*.h"):
        if not path.read_text("utf-8").startswith(f"/* {path.name} - "):
            faults.append(f"{path.relative_to(root).as_posix()}: does not open with `/* {path.name} - what it is`")
    return faults


# Hosts that a document may point at: public and lasting. Nothing is fetched from any of them.
HOSTS = {
    "www.apache.org", "standards.ieee.org", "www.rfc-editor.org", "datatracker.ietf.org", "csrc.nist.gov",
    "doi.org", "www.wireshark.org", "github.com", "docs.kernel.org", "keepachangelog.com", "semver.org",
    "example.org", "example.com",
    "www.w3.org",  # the name of SVG's namespace
}  # fmt: skip
MACHINE_PATH = re.compile(r"""(?<![\w.$})*-])/(?:work|root|farm|home|Users)/[\w.-]""")
URL = re.compile(r"\bhttps?://([\w.-]+)")
TEXT_SUFFIXES = {".py", ".c", ".h", ".md", ".toml", ".sh", ".mk", ".json", ".txt", ".yml", ".cfg", ".pyi", ""}


def machine_words(root: Path, names: list[str]) -> list[str]:
    """Paths of somebody's machine, and hosts that are not public reading matter."""
    faults = []
    for name in names:
        path = root / name
        if path.suffix not in TEXT_SUFFIXES or not path.is_file():
            continue
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            for found in MACHINE_PATH.findall(line):
                faults.append(f"{name}:{number}: a path of one machine: {found}...")
            for host in URL.findall(line):
                if host.rstrip(".") not in HOSTS:
                    faults.append(f"{name}:{number}: host {host} is not among the public ones")
    return faults


def enum_of_header(header: str, name: str, prefix: str) -> dict[str, int]:
    """The members of a C enum as {name without prefix: value}."""
    body = re.search(rf"enum {name} \{{(.*?)\}}", header, re.S)
    if body is None:
        return {}
    return {key: int(value) for key, value in re.findall(rf"\b{prefix}(\w+) = (-?\d+)", body.group(1))}
