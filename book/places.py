"""Where everything of the book lies: its sources in the checkout, and what is made of them in the build folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Page:
    """One execution of one notebook, shown at `slot` of the book: ``notebook`` or ``notebook@what is different``.

    `limit` is how many seconds a cell may take; `inputs` are the pages whose results it reads, and `needs` what its
    data set must have besides sound.  One that is `partial` does without those inputs whose data are missing.
    """

    slot: str
    notebook: str
    variant: str
    profile: str
    parameters: dict[str, Any]
    limit: float
    inputs: tuple["Page", ...] = ()
    needs: tuple[str, ...] = ()
    partial: bool = False

    @property
    def name(self) -> str:
        return self.notebook if self.variant == "synthav" else f"{self.notebook}@{self.variant}"

    @property
    def document(self) -> str:
        """Its name among the sources of the book, without suffix."""
        return "notebooks/" + self.slot.replace("@", "-")


@dataclass(frozen=True)
class Places:
    """The folders and files under one checkout."""

    root: Path = ROOT

    @property
    def build(self) -> Path:
        return self.root / "_build"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def profiles(self) -> Path:
        return self.root / "book" / "profiles"

    @property
    def html(self) -> Path:
        return self.build / "html"

    def source(self, page: Page) -> Path:
        return self.notebooks / f"{page.notebook}.ipynb"

    def executed(self, page: Page) -> Path:
        return self.build / "executed" / page.profile / f"{page.name}.ipynb"

    def facts(self, page: Page) -> Path:
        """What an executed page came from and left; a page without them does not count as executed."""
        return self.executed(page).with_suffix(".json")

    def failed(self, page: Page) -> Path:
        return self.build / "failed" / page.profile / f"{page.name}.ipynb"

    def results(self, page: Page) -> Path:
        return self.build / "results" / page.profile / f"{page.notebook}@{page.variant}.json"

    def media(self, page: Page) -> Path:
        return self.build / "media" / page.profile / f"{page.notebook}@{page.variant}"
