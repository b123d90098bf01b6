"""The first of each term leads to the glossary, the first formula to the notation, and nothing else is touched."""

import json
import re
from pathlib import Path

import pytest

from book.terms import EVERYDAY, ROLE, SYMBOLS, glossary, linked

ROOT = Path(__file__).resolve().parents[2]
TERMS = ["clip", "label", "weak label", "modality", "AP", "mAP", "d′", "chance", "mel bin", "class", "broken clip"]


def link(*texts: str) -> str:
    """The texts with their links, as one."""
    return "\n---\n".join(linked(texts, TERMS))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a clip, a clip", "a {term}`clip <clip>`, a clip"),
        ("Clips and classes", "{term}`Clips <clip>` and {term}`classes <class>`"),
        ("two modalities", "two {term}`modalities <modality>`"),
        ("many\n  mel\nbins", "many\n  {term}`mel bins <mel bin>`"),
        ("*weak labels*", "*{term}`weak labels <weak label>`*"),
        ("**AP**, mAP", "**{term}`AP <AP>`**, {term}`mAP <mAP>`"),
        ("an ap, a MAP, APs", "an ap, a MAP, {term}`APs <AP>`"),
        ("d′ is", "{term}`d′ <d′>` is"),
        ("the clip's end", "the {term}`clip <clip>`'s end"),
        ("clipped, clip-wise, a subclass, clip_1", "clipped, clip-wise, a subclass, clip_1"),
        ("by chance, *chance*", "by chance, *{term}`chance <chance>`*"),
        ("weak labels and labels", "{term}`weak labels <weak label>` and {term}`labels <label>`"),
    ],
)
def test_a_term_is_linked_where_it_first_stands(text, wanted):
    assert link(text) == wanted


@pytest.mark.parametrize(
    "other",
    [
        "# A clip",
        "### Exercise 1: clips",
        "`clip`",
        "{ref}`the clip <there>`",
        "{cite:p}`clip2020`",
        "[a clip](clip.md)",
        "![a clip](clip.svg)",
        "| clip | a |",
        "```python\nclip = 1\n```",
        "```{admonition} A clip\nof a clip\n```",
        ":::{note} clip",
        ":class: clip",
        "(clip)=",
        "<b title='a clip'>",
        "https://clip.org/clip",
    ],
)
def test_what_is_no_prose_stays_as_it_is_and_the_link_comes_later(other):
    assert link(f"{other}\n\nNow a clip.") == f"{other}\n\nNow a {{term}}`clip <clip>`."


def test_mathematics_stays_as_it_is():
    assert link("$clip$ and\n\n$$\nclip\n$$ (clip)\n\nclip").count("{term}") == 1


def test_a_term_is_linked_once_on_a_page_and_never_inside_a_longer_one():
    found = link("a broken clip", "a broken clip, a clip", "a clip")
    assert found == "a {term}`broken clip <broken clip>`\n---\na broken clip, a {term}`clip <clip>`\n---\na clip"


def test_a_term_that_an_author_has_linked_is_left_alone():
    text = "{term}`clip`, {term}`all\nlabels <label>`, clip, label"
    assert link(text) == text


def test_the_notation_is_linked_below_the_paragraph_of_the_first_formula_alone():
    first, second = linked(["Costs `$5`.\n\n1. $x$ is\n2. one.\n\nText.", "$$\ny\n$$ (eq)\n\nEnd."], [])
    assert first == f"Costs `$5`.\n\n1. $x$ is\n2. one.{SYMBOLS}\n\nText."
    assert "notation" not in second


def test_a_page_without_formulas_has_no_link_to_the_notation():
    assert "notation" not in link("A clip, and `$HOME`.")


def test_the_glossary_of_the_book_is_read_whole():
    terms = glossary((ROOT / "book" / "glossary.md").read_text())
    assert {"clip", "mel bin", "AP", "positives", "class-constant shift", "provenance"} <= set(terms)
    assert len(terms) == len(set(terms))
    assert set(terms) >= EVERYDAY
    assert not [term for term in terms if re.search(r"[`<>{]", term)]


@pytest.mark.parametrize("page", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda page: page.stem)
def test_every_term_that_an_author_has_linked_is_in_the_glossary(page):
    terms = {term.casefold() for term in glossary((ROOT / "book" / "glossary.md").read_text())}
    cells = json.loads(page.read_text())["cells"]
    texts = ["".join(cell["source"]).replace("{{", "{").replace("}}", "}") for cell in cells]  # as f-strings say it
    linked_by_hand = {term for text in texts for term in ROLE.findall(text)}
    assert not {term for term in linked_by_hand if term.casefold() not in terms}
