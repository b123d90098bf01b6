"""What something came from: one notion for pages, trained models and rendered data.

A thing is fresh while the digests of all that it came from are unchanged: code (`sources`), packages (`versions`),
values (`digest`), and what a run opened on its way (`use`, `used`).
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch

Kind = Literal["data", "file", "page"]

PACKAGE = "avlib"
ROOT = Path(__file__).resolve().parent


def digest(*parts: object) -> str:
    """SHA-256 of plain values, 16 hex digits: equal values have equal digests, in every process.

    Plain are None, numbers, text, bytes, arrays and tensors (by dtype, shape and bytes), files (`Path`, by content),
    dataclasses (by class and fields), and lists, tuples, sets and dicts of these.

    Raises
    ------
    TypeError
        For anything else: what is not understood cannot be told from another.

    >>> digest("a", 1) == digest("a", 1), digest("a", 1) == digest("a", 2)
    (True, False)
    >>> digest([torch.zeros(9999)]) == digest([torch.ones(9999)])
    False
    """
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(_encoded(part)).digest())
    return total.hexdigest()[:16]


def _encoded(value: object) -> bytes:
    """`value` as bytes that begin with its kind, so that values of different kinds never meet."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous()
        return (
            f"array {flat.dtype} {tuple(flat.shape)}:".encode() + flat.reshape(-1).view(torch.uint8).numpy().tobytes()
        )
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return f"array torch.{value.dtype} {value.shape}:".encode() + np.ascontiguousarray(value).tobytes()
    if value is None or isinstance(value, bool | int | float | complex | str):
        return f"{type(value).__name__} {value!r}".encode()
    if isinstance(value, bytes):
        return b"bytes " + value
    if isinstance(value, Path):
        return b"bytes " + value.read_bytes()
    if isinstance(value, list | tuple):
        return b"list " + b"".join(_hashed(item) for item in value)
    if isinstance(value, set | frozenset):
        return b"set " + b"".join(sorted(_hashed(item) for item in value))
    if isinstance(value, Mapping):
        return b"map " + b"".join(sorted(_hashed(key) + _hashed(item) for key, item in value.items()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__module__}.{type(value).__qualname__} ".encode() + _encoded(fields)
    raise TypeError(
        f"{value!r:.80} of type {type(value).__qualname__} is no plain value: its digest would not tell it from another"
    )


def _hashed(value: object) -> bytes:
    return hashlib.sha256(_encoded(value)).digest()


@functools.lru_cache(maxsize=1)  # the digest of a module is wanted first, then its imports; all trees would fill memory
def _tree(code: str) -> ast.Module:
    return ast.parse(code)


@functools.lru_cache(maxsize=1024)
def code_digest(source: str) -> str:
    """Digest of Python code without what no computer reads: comments, docstrings and layout.

    >>> code_digest("x = 1  # one") == code_digest("x  =  1"), code_digest("x = 1") == code_digest("x = 2")
    (True, False)
    """
    try:
        tree = _tree(source)
    except SyntaxError:  # a notebook's %magic
        return digest(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return digest(ast.dump(tree))


def cells(notebook: Path) -> list[str]:
    """Code of each code cell of a notebook file, prose, captions and outputs left out."""
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def notebook_digest(notebook: Path) -> str:
    """Digest of what a notebook file computes: the code of its cells, without comments."""
    return digest([code_digest(source) for source in cells(notebook)])


def results_digest(path: Path) -> str:
    """Digest of what a results file says, whenever and by whom it was written; "none" when it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return digest({key: value for key, value in record.items() if key != "provenance"})
    except (OSError, ValueError, AttributeError):
        return "none"


def sources(*roots: str, code: str = "", but: str = "") -> dict[str, str]:
    """Digest of the code of each module that the modules `roots`, or the text `code`, lead to: {module: digest}.

    Followed are the imports of this package, wherever they stand.  A name that a package's face hands on leads to the
    module that defines it and to nothing else of that package.  The module `but` is left out: whoever asks knows by
    value what was taken from it.

    >>> sorted(sources("avlib.losses"))
    ['avlib.losses']
    >>> "avlib.attacks.universal" in sources(code="from avlib.attacks import Threat")
    False
    """
    found: dict[str, str] = {}
    queue = [*roots, *_imported(code)]
    while queue:
        module = queue.pop()
        if module in found or module == but:
            continue
        text = _text(module)
        found[module] = code_digest(text)
        queue += _imported(text)
    return dict(sorted(found.items()))


def _imported(code: str) -> Iterator[str]:
    """Modules of this package in which the names that `code` imports are defined."""
    for module, name, _ in _imports(code):
        yield _home(module, name) if name else module


@functools.lru_cache(maxsize=1024)
def _imports(code: str) -> tuple[tuple[str, str, str], ...]:
    """What `code` imports from this package: (module, name there, name here); of a whole module the name is empty."""
    try:
        tree = _tree(code)
    except SyntaxError:  # a notebook's %magic
        tree = ast.parse("\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, "", alias.name) for alias in node.names if _ours(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            found += [(node.module, alias.name, alias.asname or alias.name) for alias in node.names]
    return tuple(found)


def _home(module: str, name: str) -> str:
    """The module in which `name` of `module` is defined: a face is looked through."""
    if _file(module).name != "__init__.py":
        return module
    for origin, there, here in _imports(_text(module)):
        if here == name and there and origin != module:
            return _home(origin, there)
    inner = f"{module}.{name}"
    try:
        return inner if _file(inner) else module
    except ModuleNotFoundError:
        return module


def _ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _file(module: str) -> Path:
    """Where `module` is written, found without importing it when it is one of ours."""
    if _ours(module):
        path = ROOT.joinpath(*module.split(".")[1:])
        found = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]
        if found:
            return found[0]
    elif getattr(sys.modules.get(module), "__file__", None):
        return Path(sys.modules[module].__file__)  # type: ignore[arg-type]
    raise ModuleNotFoundError(f"no source of the module {module!r}")


def _text(module: str) -> str:
    return _file(module).read_text(encoding="utf-8")


@functools.cache
def versions(*packages: str) -> dict[str, str]:
    """Installed version of each of `packages`; "none" of one that is not installed.

    >>> versions("numpy")["numpy"] == np.__version__, versions("no-such-package")
    (True, {'no-such-package': 'none'})
    """
    installed = {}
    for name in packages:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "none"
    return installed


# --- what a run opened ------------------------------------------------------------------------------------------------

_used: dict[Kind, dict[str, object]] = {"data": {}, "file": {}, "page": {}}


def use(kind: Kind, name: str, state: object) -> None:
    """Note that this process opened a data set, a tracked file or another page's results, and in which state.

    `state` is a digest, or plain values from which whoever asks later can find the digest again.
    """
    _used[kind][name] = state


def tracked(path: Path) -> Path:
    """`path`, a file that comes with the project, noted as read; or as looked for, where it may be missing."""
    use("file", path.relative_to(ROOT.parent).as_posix(), digest(path) if path.is_file() else "none")
    return path


def used() -> dict[str, dict[str, object]]:
    """All that was opened since `forget`: {kind: {name: state}}."""
    return {kind: dict(sorted(things.items())) for kind, things in _used.items()}


def forget() -> None:
    """Begin a new run."""
    for things in _used.values():
        things.clear()
