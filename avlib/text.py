r"""Names that come from data are text: classes and clips are shown as they are called, whatever they are called.

`clean` is for whoever reads names, `html` for what shows nothing but text, and `markdown` for prose in which names
stand among what an author wrote: it knows the names that were `called`.
"""

import html as _html
import re
from collections.abc import Iterable

CONTROL = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}  # to the pictures of these characters
LAYOUT = b"\t\n\r"  # control characters that a text of several lines may hold, but no name
MARKUP = re.compile(r"[\\`*_\[\]<>&$!~^|{}]")  # what means something to Markdown, to HTML or to TeX

_called: set[str] = set()


def clean(name: str) -> str:
    r"""`name` with control characters made visible: many formats, and all pages, would lose or obey them.

    >>> clean("a\0b"), clean("mains hum")
    ('a␀b', 'mains hum')
    """
    return name.translate(CONTROL)


def html(text: str) -> str:
    r"""`text` as HTML that shows it; no mathematics begins in it, because TeX does not reach from one tag into another.

    >>> html("<b>"), html("5 $")
    ('&lt;b&gt;', '5 <span>$</span>')
    """
    return re.sub(r"[$\\]", r"<span>\g<0></span>", _html.escape(_visible(text), quote=False))


def cell(word: str) -> str:
    """`word` as Markdown that shows it, in a cell of a table too.

    >>> cell("a|b *c*")
    'a&#124;b &#42;c&#42;'
    """
    return MARKUP.sub(_entity, clean(word))


def called(names: Iterable[str]) -> None:
    """Remember the `names` that a data set uses, so that `markdown` shows them as text."""
    _called.update(name for name in names if MARKUP.search(name))


def markdown(prose: str) -> str:
    """`prose` in which each name that some data set uses is text, and all else is the author's Markdown.

    >>> called(["*rock* <b>"])
    >>> markdown("a **good** clip of *rock* <b>")
    'a **good** clip of &#42;rock&#42; &#60;b&#62;'
    """
    prose, here = _visible(prose), sorted((name for name in _called if name in prose), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, here)), lambda name: MARKUP.sub(_entity, name[0]), prose) if here else prose


def _visible(text: str) -> str:
    return text.translate({code: picture for code, picture in CONTROL.items() if code not in LAYOUT})


def _entity(found: re.Match[str]) -> str:
    entity = f"&#{ord(found[0])};"  # never markup in CommonMark, whatever surrounds it
    return f"<span>{entity}</span>" if found[0] in "$\\" else entity
