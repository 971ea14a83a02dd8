"""The rules of the package's structure, as functions over source text, so that each can be seen to fail."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

PACKAGE = "ociarchive"
MAX_LINES = 400
# A module may import from its own row and from those before it.
ROWS = (
    "errors",
    "late",
    "flaws",
    "near",
    "version",
    "workers",
    "values",
    "mediatypes",
    "documents",
    "blobio",
    "machine",
    "reach",
    "referrers",
    "schema",
    "chains",
    "statements",
    "origin",
    "container",
    "stores",
    "measure",
    "oldimages",
    "remote",
    "objects",
    "toc",
    "elsewhere",
    "model",
    "extent",
    "disguise",
    "graph",
    "signing",
    "formats",
    "opening",
    "auditing",
    "selection",
    "gap",
    "catalogue",
    "engines",
    "audits",
    "inventories",
    "transform",
    "comparison",
    "report",
    "writing",
    "asking",
    "api",
    "cli",
)
# `__init__` offers the public names and `__main__` starts the command line: both stand above all rows.
TOPS = ("__init__", "__main__")
# What holds statements and is none.
HOLDERS = ast.ExceptHandler | ast.match_case
# What costs at start-up or may be absent, and is imported when it is needed.
LAZY = {"magic", "blake3", "wcwidth", "urllib3", "cryptography", "cbor2"}


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the package."""

    name: str
    source: str
    is_package: bool = False

    @property
    def row(self) -> str:
        """Give the first part of its name below the package."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    @property
    def tree(self) -> ast.Module:
        """Parse it."""
        return _parsed(self.source)

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Give each node of its tree."""
        return _walked(self.source)


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _walked(source: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_parsed(source)))


def modules(root: Path) -> Iterator[Module]:
    """Find every module below the package's folder."""
    for path in sorted(root.rglob("*.py")):
        parts = (PACKAGE, *path.relative_to(root).with_suffix("").parts)
        package = parts[-1] == "__init__"
        yield Module(".".join(parts[:-1] if package else parts), path.read_text(), is_package=package)


def imported(module: Module) -> Iterator[tuple[str, int]]:
    """Give every module of the package that is imported anywhere in this one, for types alone too."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if in_package(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = resolved(module, node)
            if in_package(base):
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def resolved(module: Module, node: ast.ImportFrom) -> str:
    """Spell the module of `from ... import` in full."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if module.is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def in_package(name: str) -> bool:
    """Tell whether a name is of the package."""
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def upward(module: Module) -> list[str]:
    """List the imports that point to a row below in the table."""
    if module.row in TOPS:
        return []
    if module.row not in ROWS:
        return [f"{module.name}: no row of the table"]
    found = []
    for name, line in imported(module):
        row = [*name.split("."), ""][1]
        if row in ROWS and ROWS.index(row) > ROWS.index(module.row):
            found.append(f"{module.name}:{line}: imports {name}")
        if row not in ROWS and not (module.row == "cli" and row == "__version__"):
            found.append(f"{module.name}:{line}: imports {name} from above all rows")
    return found


def sideways(module: Module) -> list[str]:
    """List the imports of one format by another, which share code through helpers alone."""
    prefix = f"{PACKAGE}.formats."
    if not module.name.startswith(prefix):
        return []
    shared = {"format"}
    names = (
        (name.removeprefix(prefix).split(".")[0], line) for name, line in imported(module) if name.startswith(prefix)
    )
    return [
        f"{module.name}:{line}: imports the format {name}"
        for name, line in names
        if not name.startswith("_") and name not in shared
    ]


def naming_formats(module: Module) -> list[str]:
    """List the strings outside of `formats` that are a format's name: what depends on one is a trait of it.

    `dir` is a word of other things too, and the Python interface shows a call in a docstring.
    """
    if module.row == "formats":
        return []
    names = {"docker-archive", "oci-layout", "oci-archive", "registry-storage"}
    names |= {"docker-storage", "containers-storage", "containerd-storage"}
    return [
        f"{module.name}:{node.lineno}: knows the format {node.value}"
        for node in module.nodes
        if isinstance(node, ast.Constant) and node.value in names
    ]


def inside_functions(module: Module) -> list[str]:
    """List the imports inside functions, which hide what a module needs."""
    if module.row == "cli":
        return []
    found = []
    outside = set(_outside_functions(module.tree))
    for node in module.nodes:
        if node in outside:
            continue
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0]}
        else:
            continue
        if not names <= LAZY:
            found.append(f"{module.name}:{node.lineno}: imports {', '.join(sorted(names))} inside a function")
    return found


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """Give the statements below a node that are in no function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or not isinstance(child, ast.stmt | HOLDERS):
            continue
        yield child
        yield from _outside_functions(child)


def printing(module: Module) -> list[str]:
    """List the calls that are the command line's business: print, sys.exit and what is like them."""
    if module.row in {"cli", "__main__"}:
        return []
    calls = {"print", "exit", "quit", "sys.exit", "os._exit", "sys.stdout.write", "sys.stderr.write"}
    return [
        f"{module.name}:{node.lineno}: calls {spelled(node.func)}"
        for node in module.nodes
        if isinstance(node, ast.Call) and spelled(node.func) in calls
    ]


def spelled(function: ast.expr) -> str:
    """Give a name, or the members of one behind their dots; nothing for any other expression."""
    if isinstance(function, ast.Name):
        return function.id
    before = spelled(function.value) if isinstance(function, ast.Attribute) else ""
    return f"{before}.{function.attr}" if before and isinstance(function, ast.Attribute) else ""


def too_long(module: Module) -> list[str]:
    """Say when a module has grown beyond one idea."""
    lines = len(module.source.splitlines())
    return [f"{module.name}: {lines} lines"] if lines > MAX_LINES else []


#: What runs text as code, starts programs, opens connections, or makes objects of bytes.
FORBIDDEN_MODULES = {
    *(
        "pickle",
        "_pickle",
        "marshal",
        "shelve",
        "dbm",
        "subprocess",
        "pty",
        "multiprocessing",
        "code",
        "codeop",
        "runpy",
    ),
    *("socket", "ssl", "http", "urllib.request", "ftplib", "smtplib", "asyncio", "webbrowser"),
}
#: Credential helpers, which the user's own configuration names, and gpgv, where a call names a keyring.
STARTS_PROGRAMS = {"ociarchive.remote.helpers": {"subprocess"}, "ociarchive.signing.gpgv": {"subprocess"}}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
FORBIDDEN_OF_OS = {"system", "popen", "fork", "forkpty", "startfile"}


def dangerous(module: Module) -> list[str]:
    """List what runs text as code, starts a program, opens a connection, or makes objects of bytes."""
    found = []
    forbidden = FORBIDDEN_MODULES - STARTS_PROGRAMS.get(module.name, set())
    for node in module.nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        banned = {name for name in names if any(name == one or name.startswith(f"{one}.") for one in forbidden)}
        if banned:
            found.append(f"{module.name}:{getattr(node, 'lineno', 0)}: imports {min(banned)}")
        if isinstance(node, ast.Call) and _runs(node):
            found.append(f"{module.name}:{node.lineno}: calls {ast.unparse(node.func)}")
    return found


def _runs(call: ast.Call) -> bool:
    """Whether a call is one of those forbidden, or one of os that starts a program."""
    function = call.func
    if isinstance(function, ast.Name) and function.id in FORBIDDEN_CALLS:
        return True
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "os":
        return function.attr in FORBIDDEN_OF_OS or function.attr.startswith(("exec", "spawn", "posix_spawn"))
    return any(word.arg == "shell" for word in call.keywords)


def at_import(module: Module) -> list[str]:
    """List the statements that do something when a module is imported, beyond naming, defining and importing."""
    if module.row == "__main__":
        return []
    found = []
    for statement in _top(module.tree.body):
        if isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant):
            found.append(f"{module.name}:{statement.lineno}: runs {ast.unparse(statement)[:60]}")
        elif isinstance(statement, ast.For | ast.While | ast.With | ast.Delete | ast.Raise | ast.Match):
            found.append(f"{module.name}:{statement.lineno}: runs {ast.unparse(statement).splitlines()[0]}")
    return found


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements of a module that run at its import: those in conditions and attempts too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If):
            yield from _top([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            handled = [one for handler in statement.handlers for one in handler.body]
            yield from _top([*statement.body, *handled, *statement.orelse, *statement.finalbody])


#: What messages count. A noun whose plural is a verb or a name too, as `names`, is not here.
_COUNTED = re.compile(
    r" (?:(?:more|such|other|smaller|claimed|tar|open) )?"
    r"(?:archives|artifacts|attestations|bits|blobs|bytes|certificates|characters|checks|digests|entries|files|findings"
    r"|headers|images|indexes|keys|layers|lines|links|manifests|members|pages|parts|paths|places|rules|seconds"
    r"|signatures|sources|steps|tags|things|threads|times|values|words|workers)\b(?! and )"
)


def counting(module: Module) -> list[str]:
    """List the texts that put a number before a plural themselves: it may be one, so `plural` of errors does it.

    A constant is no number of that kind.
    """
    found = []
    for node in module.nodes:
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in pairwise(node.values):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            spelled_out = ast.unparse(value.value)
            constant = re.fullmatch(r"_?[A-Z][A-Z0-9_]*(?:\[.*\])?", spelled_out)
            if _COUNTED.match(str(text.value)) and not constant and not spelled_out.startswith("plural("):
                found.append(f"{module.name}:{node.lineno}: counts {{{spelled_out}}}{text.value!s}")
    return found
