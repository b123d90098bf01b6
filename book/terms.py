r"""The first word of its kind on a page leads to the glossary, and the first formula to the notation.

Authors write plain words; the links are made when a page is published, so that a text that is moved keeps its links.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import nbformat

# Words of every day: they are linked where the author marks them as terms, as in *chance*, and nowhere else.
EVERYDAY = {
    "averages",
    "ceiling",
    "chance",
    "floor",
    "positive",
    "published",
    "split",
    "tag",
    "tap",
    "transfer",
    "variant",
    "world",
}
ENTRIES = re.compile(r"(?ms)^:::\{glossary\}\n(.*?)^:::")
ROLE = re.compile(r"\{term\}`(?:[^`]*<)?([^`>]+)>?`")
SYMBOLS = "\n\n```{container} notation\nSymbols: {doc}`notation </book/notation>`\n```"
# What is no prose: in the order in which they hide each other.
OTHER = re.compile(
    r"""
    ^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)   # code, and directives with backticks
    | ^:{3,}.*?$ | ^:[\w-]+:.*?$            # where a directive begins and ends, and its options
    | ^\#{1,6}\ .*?$                        # headings
    | ^[ ]*\|.*?$                           # tables
    | ^\([\w-]+\)=$                         # labels
    | \$\$.+?\$\$ | (?<!\\)\$[^$]+\$        # mathematics
    | (?:\{[\w:-]+\})?(?P<tick>`+).+?(?P=tick)      # code and roles
    | !?\[[^\]]*\]\([^)]*\)                 # links and pictures
    | <[^>\n]+> | https?://\S+
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def glossary(text: str) -> list[str]:
    """The terms that the glossary page `text` explains.

    >>> glossary(":::{glossary}\\nclip\\n  Some seconds.\\n\\nmel bin\\n  A row.\\n:::\\n")
    ['clip', 'mel bin']
    """
    return [line for block in ENTRIES.findall(text) for line in block.splitlines() if line and not line[0].isspace()]


def explained(notebook: nbformat.NotebookNode, terms: Sequence[str]) -> nbformat.NotebookNode:
    """`notebook` with the links of `linked` in its text cells."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell, text in zip(cells, linked([cell.source for cell in cells], terms), strict=True):
        cell.source = text
    return notebook


def linked(texts: Iterable[str], terms: Sequence[str]) -> list[str]:
    """The `texts` of one page, each of the `terms` a link where it first stands in prose, and the notation linked once.

    A term that begins inside a longer one leaves it to that.  Case does not matter, but in words that are written with
    capitals; a plural is linked too.  A term that an author has linked before is left alone.

    >>> linked(["# A clip\\n\\nTwo clips, one `clip`."], ["clip"])
    ['# A clip\\n\\nTwo {term}`clips <clip>`, one `clip`.']
    """
    patterns = {term: _pattern(term) for term in sorted(terms, key=len, reverse=True)}
    waiting = set(terms)
    done = [_linked(text, patterns, waiting) for text in texts]
    for at, text in enumerate(done):
        if formula := next((part for part in OTHER.finditer(text) if part[0].startswith("$")), None):
            end = text.find("\n\n", formula.end())
            end = len(text) if end < 0 else end  # of the paragraph or list that it stands in
            done[at] = text[:end] + SYMBOLS + text[end:]
            break
    return done


def _linked(text: str, patterns: Mapping[str, re.Pattern[str]], waiting: set[str]) -> str:
    """`text` with links to those terms that are `waiting` for one, which then wait no longer."""
    at, done = 0, ""
    for other in OTHER.finditer(text):
        done += _prose(text[at : other.start()], patterns, waiting) + other[0]
        at = other.end()
        if own := ROLE.fullmatch(other[0]):
            waiting.discard(" ".join(own[1].split()))
    return done + _prose(text[at:], patterns, waiting)


def _prose(prose: str, patterns: Mapping[str, re.Pattern[str]], waiting: set[str]) -> str:
    taken: list[tuple[int, int]] = []  # by terms that are longer
    links: list[tuple[int, int, str]] = []
    for term, pattern in patterns.items():
        spans = [match.span() for match in pattern.finditer(prose)]
        free = [(start, end) for start, end in spans if all(end <= first or last <= start for first, last in taken)]
        taken += free
        if free and term in waiting:
            links.append((*free[0], term))
            waiting.remove(term)
    for start, end, term in sorted(links, reverse=True):
        shown = " ".join(prose[start:end].split())
        prose = f"{prose[:start]}{{term}}`{shown} <{term}>`{prose[end:]}"
    return prose


def _pattern(term: str) -> re.Pattern[str]:
    """What finds `term` in prose: its words, the last of them also in the plural, over the end of a line too."""
    stem, plural = (term[:-1], "(?:y|ies)") if term.endswith("y") else (term, "(?:e?s)?")
    words = [word if word != word.lower() else f"(?i:{word})" for word in map(re.escape, stem.split())]
    pattern = r"(?<![\w′'-])" + r"\s+".join(words) + plural + r"(?![\w′-])"
    return re.compile(rf"(?<=\*){pattern}(?=\*)" if term in EVERYDAY else pattern)
