"""What the theme of the book leaves wrong on every page, put right in the HTML that it made."""

import re
from pathlib import Path

# Fonts that are loaded ahead: a browser refuses them to a page that is a file, and complains.
AHEAD = re.compile(r'<link rel="preload" as="font"[^>]*>\n?')
# The arrow that opens a list of pages, without a name for whoever does not see it.
ARROW = re.compile(r"(<a [^>]*>(?P<page>[^<]*)</a><details[^>]*><summary)(?=>)")


# A source in the bibliography, by a role that is no longer used and cannot stand in a list.
SOURCE = 'role="doc-biblioentry"'


def mended(page: str) -> str:
    """The HTML `page` without loads that a file may not make, and with roles and names that are read out well.

    >>> mended('<a href="04.html">4. Noise</a><details><summary><i></i></summary>')
    '<a href="04.html">4. Noise</a><details><summary aria-label="pages below 4. Noise"><i></i></summary>'
    """
    return ARROW.sub(r'\1 aria-label="pages below \g<page>"', AHEAD.sub("", page)).replace(SOURCE, 'role="listitem"')


def mend(html: Path) -> None:
    """Mend every page below the folder `html`."""
    for path in html.rglob("*.html"):
        path.write_text(mended(path.read_text()))
