"""Whether a page is fresh: everything that it came from, and everything that it left, is as its facts say.

A page comes from the code of its cells, its parameters, the pinned versions, the modules of the library that its cells
lead to, the way in which it is executed, and what its run says that it opened: data sets, tracked files, results of
other pages.  Prose, comments and captions compute nothing and execute nothing; neither does a file that nobody opened.

One module that the cells lead to is left out, `avlib.parameters`: all that it does to a page is in the values of the
page's parameters, which are compared themselves.  So a parameter for one chapter does not execute another.
"""

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from avlib.data import key
from avlib.errors import AvlibError
from avlib.files import atomic
from avlib.provenance import cells, code_digest, digest, notebook_digest, results_digest, sources
from book.places import Page, Places


class Facts(BaseModel):
    """What is kept of an execution."""

    model_config = ConfigDict(extra="forbid")

    state: dict[str, str]  # digest of each thing that the page came from or left, by a name that a person understands
    used: dict[str, dict[str, Any]]  # what the run opened, as `avlib.provenance.used` has it
    media: list[str]
    seconds: float
    spent: dict[str, float]  # seconds of each kind of work, as `avlib.clock` has it
    device: str


def keep(kept: Facts, page: Page, places: Places) -> None:
    """Write the facts of `page`, under a seal that tells when any of them is no longer what was written."""
    told = kept.model_dump()
    with atomic(places.facts(page)) as part:
        part.write_text(json.dumps({**told, "seal": digest(told)}, indent=1))


def facts(page: Page, places: Places) -> Facts | None:
    """Facts of the last execution of `page`; None when there are none, or they are not as they were written."""
    try:
        told = json.loads(places.facts(page).read_bytes())
        return Facts.model_validate(told) if told.pop("seal") == digest(told) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def stale(page: Page, places: Places) -> str | None:
    """Why `page` must be executed, in a few words; None when it is fresh."""
    found = fresh(page, places)
    return found if isinstance(found, str) else None


def fresh(page: Page, places: Places) -> Facts | str:
    """Facts of `page` when it is fresh, else why it must be executed, in a few words."""
    kept = facts(page, places)
    if kept is None:
        return "a record that cannot be read" if places.facts(page).exists() else "not executed yet"
    for one in page.inputs:
        if reason := stale(one, places):
            return f"{one.name}, which it reads: {reason}"
    now = ingredients(page, places) | opened(page, places, kept.used) | left(page, places, kept.media)
    changed = [name for name in kept.state | now if kept.state.get(name) != now.get(name)]
    if not changed:
        return kept
    return f"{changed[0]} changed" + (f", and {len(changed) - 1} more" if len(changed) > 1 else "")


def ingredients(page: Page, places: Places) -> dict[str, str]:
    """Digest of each thing that decides `page` and is known before it runs."""
    notebook, ways = places.source(page), places.root / "book"
    try:
        modules = sources(code="\n".join(cells(notebook)))
    except (ModuleNotFoundError, SyntaxError) as error:  # the run will say so better
        modules = {"avlib": digest(str(error))}
    modules.pop("avlib.parameters", None)
    return {
        "its code": notebook_digest(notebook),
        **{f"parameter {name}": digest(value) for name, value in page.parameters.items()},
        **({"the pages that it reads": digest([one.slot for one in page.inputs])} if page.inputs else {}),
        "constraints.txt": _lines(places.root / "constraints.txt"),
        "book/execute.py": code_digest((ways / "execute.py").read_text()),
        "book/fast.env": _lines(ways / "fast.env"),
        **{_written(name, places.root): value for name, value in modules.items()},
    }


def _lines(path: Path) -> str:
    """Digest of a file's lines without its remarks."""
    return digest([line for line in path.read_text().splitlines() if not line.startswith("#")])


def _written(module: str, root: Path) -> str:
    """Where a module is written, as a person looks for it."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"


def opened(page: Page, places: Places, used: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Digest, as it is now, of each thing that a run of `page` says that it `used`."""
    inputs = {one.slot: one for one in page.inputs}
    return {
        **{name: data_state(json.dumps(state["call"]), places.notebooks) for name, state in used["data"].items()},
        **{name: _file(places.root / name) for name in used["file"]},
        **{
            f"results of {slot}": results_digest(places.results(inputs[slot])) if slot in inputs else "none"
            for slot in used["page"]
        },
    }


def recorded(used: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What `opened` said while the page ran."""
    return {
        **{name: state["key"] for name, state in used["data"].items()},
        **used["file"],
        **{f"results of {slot}": state for slot, state in used["page"].items()},
    }


def left(page: Page, places: Places, media: list[str]) -> dict[str, str]:
    """Digest of each thing that `page` left: nobody else wrote over it."""
    return {
        "the executed page": _file(places.executed(page)),
        "its results": results_digest(places.results(page)),
        **{f"media/{name}": _file(places.media(page) / name) for name in media},
    }


def _file(path: Path) -> str:
    return digest(path) if path.is_file() else "none"


@functools.cache
def data_state(call: str, folder: Path) -> str:
    """Key of the data set that `call` loads in a kernel, which starts in `folder`.

    A set may be millions of files: a build looks at them once.
    """
    with contextlib.chdir(folder):
        try:
            return key(**json.loads(call))
        except AvlibError as error:
            return str(error)
