"""List what is broken in a built book: dead references, loads from the network, pictures without words for them.

python -m book.check_html _build/html        # exit status 1 when anything is listed
"""

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "poster", "data"}  # attributes whose target the browser fetches by itself
STYLE = re.compile(r"""url\(\s*['"]?(?!data:|#)([^'")]+)|@import\s+['"]([^'"]+)""")
WORDLESS = re.compile(r"_images/|^<|\.(png|svg|jpg|gif)$")  # what the tools put where the author wrote nothing
CALL = re.compile(r"""(?:\bimport|\bfetch|\bsrc\s*[=:])[\s(]*["'`](https?:)?//[^"'`]+""")


@dataclass
class Page(HTMLParser):
    """Anchors, references and pictures of one page."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    references: list[tuple[str, str]] = field(default_factory=list)  # (tag, address), loaded by the browser
    links: list[str] = field(default_factory=list)  # followed by the reader
    problems: list[str] = field(default_factory=list)
    inside: str = ""
    silent: str = ""  # the player that is open, as long as no sound was named

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.inside = tag
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        for name in LOADED & given.keys():
            addresses = [part.split()[0] for part in given[name].split(",")] if name == "srcset" else [given[name]]
            self.references += [(tag, address) for address in addresses]
        if "href" in given:
            if tag in ("a", "area"):
                self.links.append(given["href"])
            elif given.get("rel") not in ("canonical", "search", "author", "license"):
                self.references.append((tag, given["href"]))
        self.references += [(tag, address) for address in _addresses(given.get("style", ""))]
        if tag == "img":
            words = given.get("alt", "").strip()
            if not words or WORDLESS.search(words):
                self.problems.append(f"picture without alt text: {given.get('src', '')[:80]}")
        if tag == "audio" and "src" not in given:
            self.silent = given.get("aria-label", "a player")
        if tag == "source":
            self.silent = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.references += [("style", address) for address in _addresses(data)]
        if self.inside == "script":
            self.problems += [f"load from the network: {call[0][:80]}" for call in CALL.finditer(data)]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        if tag == "audio" and self.silent:
            self.problems.append(f"player without a sound: {self.silent}")
            self.silent = ""


def _addresses(css: str) -> list[str]:
    return [first or second for first, second in STYLE.findall(css)]


def problems(root: Path) -> list[str]:
    """One line for each thing that is broken in the HTML book at `root`, sorted.

    Dead are a file that is not there, an anchor that is not in its page, and an address outside `root`. A link that
    the reader follows may lead to the network; a script, style, picture or sound may not. Every picture has alt text
    that is not its file name.
    """
    root = root.resolve()
    pages = {path: Page(path) for path in root.rglob("*.html") if "_static" not in path.parts}
    found = set()
    for path, page in pages.items():
        told = [*page.problems]
        told += [problem for _, address in page.references if (problem := _dead(address, path, root, pages, True))]
        told += [problem for address in page.links if (problem := _dead(address, path, root, pages, False))]
        found |= {f"{path.relative_to(root)}: {problem}" for problem in told}
    for path in root.rglob("*.css"):
        for address in _addresses(path.read_text(encoding="utf-8")):
            if problem := _dead(address, path, root, pages, True):
                found.add(f"{path.relative_to(root)}: {problem}")
    return sorted(found)


def _dead(address: str, path: Path, root: Path, pages: dict[Path, Page], loaded: bool) -> str:
    """What is wrong with `address` on the page `path`; empty when nothing is."""
    url = urlsplit(address.strip())
    if url.scheme in ("http", "https", "ftp") or url.netloc:
        return f"load from the network: {address}" if loaded else ""
    if url.scheme:
        return "an address of this machine: " + address if url.scheme == "file" else ""
    target = (path.parent / unquote(url.path)).resolve() if url.path else path
    if url.path.startswith("/") or not target.is_relative_to(root):
        return f"an address outside the book: {address}"
    if not target.exists():
        return f"nothing is there: {address}"
    if url.fragment and target in pages and unquote(url.fragment) not in pages[target].anchors:
        return f"no such anchor: {address}"
    return ""


if __name__ == "__main__":
    listed = problems(Path(sys.argv[1]))
    print("\n".join([*listed, f"{len(listed)} problems"]))
    sys.exit(bool(listed))
