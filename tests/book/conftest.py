"""A small checkout with two tiny pages in a temporary folder, which the real scripts execute and publish."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.build import main
from book.places import Places

ROOT = Path(__file__).resolve().parents[2]
TOC = """format: jb-book
root: book/intro
chapters:
  - file: notebooks/10_first
  - file: notebooks/20_second
  - file: book/statistics
  - file: book/glossary
  - file: book/notation
"""
INTRO = """# A tiny book

The first page found {result}`10_first::answer:.1f`,
the second {result}`20_second::answer:.1f`.
"""
PARAMETERS = """profile: str = "smoke"  # size
dataset: str = "synthav"  # data set
epsilon: float = 1.0  # radius
"""
# What avlib.notebook does for the runner, without the seconds that importing torch and matplotlib takes.
TINY = """
import json, os
from pathlib import Path

FACTOR = 20

class Run:
    def __init__(self, name, parameters):
        self.page = f"{name}@{os.environ['AVLIB_VARIANT']}"
        self.read, self.given = {}, parameters
        self.out, self.profile = Path(os.environ["AVLIB_OUT"]), parameters["profile"]

    def results(self, page):
        from avlib.provenance import results_digest
        path = Path(json.loads(os.environ["AVLIB_INPUTS"])[page])
        self.read[page] = results_digest(path)
        return json.loads(path.read_text())["values"]

    def finish(self, answer):
        results = self.out / "results" / self.profile / f"{self.page}.json"
        used = {"data": {}, "file": {}, "page": self.read}
        spent = dict.fromkeys(["rendering", "training", "attacks", "scoring", "statistics", "drawing"], 0.0)
        provenance = {"device": "CPU", "used": used, "spent": spent | {"training": 1234.5}}
        results.parent.mkdir(parents=True, exist_ok=True)
        provenance["parameters"] = {name: self.given[name] for name in ("profile", "dataset", "epsilon")}
        results.write_text(json.dumps({"values": {"answer": {"value": answer}}, "provenance": provenance}))
        print("The answer is", answer)
"""


@dataclass
class Checkout:
    """A folder with the files that `make book` reads."""

    places: Places

    def write(self, name: str, *cells: str, finish: str = "run.finish(FACTOR * epsilon)") -> None:
        """Write a notebook of the given code cells between those that every notebook has."""
        body = [
            new_markdown_cell(f"# Page {name[:2]}"),
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            new_code_cell(f'from avlib.tiny import FACTOR, Run\n\nrun = Run("{name}", globals())'),
            *(new_code_cell(source) for source in cells),
            new_code_cell(finish),
        ]
        for number, cell in enumerate(body):
            cell["id"] = str(number)
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=body, metadata=metadata), self.places.notebooks / f"{name}.ipynb")

    def make_book(self, *arguments: str) -> int:
        """Do what `make book PROFILE=smoke JOBS=2` does."""
        return main(["--profile", "smoke", "--jobs", "2", *arguments], self.places)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the same in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "book", "--profile", "smoke", *arguments],
            cwd=self.places.root,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A test run that itself was started in the background ignores Ctrl-C, and would hand that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def executed(self) -> dict[str, int]:
        """Executed pages, whole ones, and when each was written."""
        folder = self.places.build / "executed" / "smoke"
        return {p.stem: p.stat().st_mtime_ns for p in folder.glob("*.ipynb") if p.with_suffix(".json").exists()}

    def published(self) -> str:
        """Text of the first page of the book."""
        return (self.places.html / "book" / "intro.html").read_text()


def _write_checkout(root: Path) -> Checkout:
    for folder in ("avlib", "book"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.md", "*.bib"))
    for file in ("_config.yml", "constraints.txt", "book/statistics.md"):
        shutil.copy(ROOT / file, root / file)
    (root / "avlib" / "tiny.py").write_text(TINY)
    (root / "book" / "references.bib").write_text("")
    (root / "book" / "intro.md").write_text(INTRO)
    (root / "book" / "_toc.yml").write_text(TOC)
    (root / "book" / "glossary.md").write_text("# Glossary\n\n:::{glossary}\nclip\n  Some seconds.\n:::\n")
    (root / "book" / "notation.md").write_text("# Notation\n\nLetters.\n")
    for profile in (root / "book" / "profiles").glob("*.yml"):
        pages = "pages:\n  10_first: {}\n  20_second: {}\n"
        profile.write_text(f"limit: 60\nparameters: {{profile: {profile.stem}}}\n{pages}")
    for folder in ("notebooks", "data"):
        (root / folder).mkdir()
    for facts in ("published.csv", "claims.yml"):
        shutil.copy(ROOT / "data" / facts, root / "data")
    checkout = Checkout(Places(root))
    checkout.write("10_first")
    checkout.write("20_second")
    return checkout


def _enter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernels import the library of a checkout, and forget about the settings of who runs the tests."""
    for name in [name for name in os.environ if name.startswith("AVLIB_")]:
        monkeypatch.delenv(name)
    for name in ("AVLIB_OUT", "AVLIB_VARIANT", "AVLIB_INPUTS"):  # a worker sets them; to be gone after the test
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PYTHONPATH", str(root))
    # Pages that load next to nothing are sooner done without a process that loads everything.
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "local-provisioner")
    monkeypatch.setattr(KernelProvisionerFactory.instance(), "default_provisioner_name", "local-provisioner")
    monkeypatch.setattr("avlib.provenance.ROOT", root / "avlib")
    for module in ("published", "claims"):
        monkeypatch.setattr(f"avlib.{module}.FACTS", root / "data")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout in which nothing has been executed."""
    _enter(tmp_path / "checkout", monkeypatch)
    return _write_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = _write_checkout(tmp_path_factory.mktemp("whole") / "checkout")
    with pytest.MonkeyPatch.context() as patch:
        _enter(made.places.root, patch)
        assert made.make_book() == 0
    return made


@pytest.fixture
def book(_whole: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout whose book is built."""
    _enter(tmp_path / "checkout", monkeypatch)
    shutil.copytree(_whole.places.root, tmp_path / "checkout")
    return Checkout(Places(tmp_path / "checkout"))
