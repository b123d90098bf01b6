"""What stands on a page of HTML, as a reader without scripts meets it."""

import re
from html.parser import HTMLParser


class Shown(HTMLParser):
    """Tags and words of a page, scripts left out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(re.sub(r"(?s)<(script|style).*?</\1>", "", html))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [given for name, given in self.tags if name == tag]
