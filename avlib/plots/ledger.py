"""The ledger of claims as a page shows it: a list that opens, sorted by paper and sifted without a kernel or a script.

What is chosen among the round buttons hides the rest by a rule of the style sheet.  So it works from a file, in the
dark, with the keyboard and on a phone; whatever does not know such rules shows all claims.
"""

import html as _html
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import get_args

from avlib import text
from avlib.claims import Scope, Verdict, printed
from avlib.ledger import STANDINGS, Entry
from avlib.plots.style import COLOURS

ALL = "all"
SCOPES = get_args(Scope)
TINTS = dict(zip(STANDINGS, (COLOURS[2], COLOURS[3], COLOURS[1], COLOURS[7], COLOURS[7], COLOURS[7]), strict=True))


def html(entries: Sequence[Entry], name: str) -> str:
    """All `entries`, a list for each paper; `name` keeps the buttons of two ledgers apart."""
    standings = [entry.standing(entry.here) for entry in entries]
    scopes = [entry.claim.scope for entry in entries]
    papers = groupby(entries, key=lambda entry: entry.claim.id[:2])
    lists = "".join(
        f'<p class="paper">{paper}</p>{"".join(_claim(entry) for entry in claims)}' for paper, claims in papers
    )
    nothing = '<p class="nothing">No claim is both.</p>'
    sieves = _sieve("this run says", f"{name}-standing", STANDINGS, standings)
    sieves += _sieve("what could show it", f"{name}-scope", SCOPES, scopes)
    style = _style(set(zip(standings, scopes, strict=True)))
    return f'<section class="ledger mathjax_ignore"><style>{style}</style>{sieves}{lists}{nothing}</section>'


def _sieve(words: str, name: str, choices: Sequence[str], found: Sequence[str]) -> str:
    """Round buttons, one for everything and one for each of the `choices` that was `found`, with how often it was."""
    counts = {ALL: len(found)} | {choice: found.count(choice) for choice in choices if choice in found}
    buttons = "".join(
        f'<label><input type="radio" name="{name}" value="{_token(choice, choices)}"'
        f"{' checked' if choice == ALL else ''}><span>{choice} ({count})</span></label>"
        for choice, count in counts.items()
    )
    return f"<fieldset><legend>{words}</legend>{buttons}</fieldset>"


def _token(choice: str, choices: Sequence[str]) -> str:
    kind = "standing" if choices == STANDINGS else "scope"
    return ALL if choice == ALL else f"{kind}-{choices.index(choice)}"


def _claim(entry: Entry) -> str:
    standing, claim = entry.standing(entry.here), entry.claim
    facts = {"published": printed(claim.published), "this run": _told(entry.here, entry.ran, standing)}
    facts["committed evidence"] = _told(entry.evidence, entry.kept, "none yet")
    facts |= {"rule": str(claim.rule)} if claim.rule else {"awaits": str(claim.awaits)}
    rows = "".join(f"<dt>{name}</dt><dd>{text.html(words)}</dd>" for name, words in facts.items())
    place = f"<dt>decided in</dt><dd>{_link(claim.rule.page)}</dd>" if claim.rule else ""
    return (
        f'<details id="{claim.id}" class="claim {_token(standing, STANDINGS)} {_token(claim.scope, SCOPES)}">'
        f'<summary><b>{standing}</b> <span class="number">{claim.id}</span> {text.html(claim.statement)}</summary>'
        f"<dl><dt>where</dt><dd>{text.html(claim.where)}</dd>{rows}<dt>scope</dt><dd>{claim.scope}</dd>{place}</dl>"
        "</details>"
    )


def _told(verdict: Verdict | None, when: str, without: str) -> str:
    return f"{verdict.measured} ({when}): {verdict}" if verdict else without


def _link(page: str) -> str:
    """To the verdicts of a notebook that lies beside this one; a published book puts its own address there."""
    words = _html.escape(page[3:].replace("_", " "))
    return f'<a href="{page}.ipynb#Verdicts">chapter {int(page[:2])}, {words}</a>'


def _style(found: Iterable[tuple[str, str]]) -> str:
    """Rules that hide what was not chosen, and one for each choice that leaves nothing."""
    pairs = {(_token(standing, STANDINGS), _token(scope, SCOPES)) for standing, scope in found}
    tokens = [sorted({pair[i] for pair in pairs}) for i in (0, 1)]
    chosen = '.ledger:has([value="{}"]:checked)'.format
    sift = [f"{chosen(one)} .claim:not(.{one}){{display:none}}" for one in (*tokens[0], *tokens[1])]
    empty = [
        f"{chosen(one)}{chosen(other)[len('.ledger') :]} .nothing{{display:block}}"
        for one in tokens[0]
        for other in tokens[1]
        if (one, other) not in pairs
    ]
    tints = [f".ledger .{_token(name, STANDINGS)} b{{border-color:{tint}}}" for name, tint in TINTS.items()]
    return "".join([LOOK, *sift, *empty, *tints])


LOOK = """
.ledger fieldset{border:0;margin:0 0 .6rem;padding:0;display:flex;flex-wrap:wrap;gap:.3rem .4rem;align-items:center}
.ledger legend{font-size:.85em;padding:0;margin:0 0 .2rem;float:none;width:auto}
.ledger label{position:relative;cursor:pointer;margin:0;font-size:.85em}
.ledger input{position:absolute;opacity:0}
.ledger label span{display:block;padding:.1em .7em;border:1px solid currentColor;border-radius:1em}
.ledger :checked+span{box-shadow:inset 0 0 0 1px currentColor;font-weight:bold;text-decoration:underline}
.ledger :focus-visible+span{outline:2px solid currentColor;outline-offset:2px}
.ledger .nothing{display:none}
.ledger .paper{font-weight:bold;margin:1.2em 0 .3em}
.ledger details{border-top:1px solid color-mix(in srgb,currentColor 25%,transparent);margin:0;padding:.35em 0}
.ledger summary{cursor:pointer;line-height:1.5}
.ledger summary b{border-left:.4em solid;padding-left:.4em;margin-right:.4em}
.ledger .number{font-variant-numeric:tabular-nums;white-space:nowrap;opacity:.8}
.ledger dl{display:grid;grid-template-columns:8.5em 1fr;gap:.2em 1em;margin:.5em 0 .3em 1.1em;font-size:.9em}
.ledger dt{font-weight:normal;opacity:.8}
.ledger dd{margin:0;overflow-wrap:anywhere}
@media(max-width:600px){.ledger dl{display:block}.ledger dd{margin:0 0 .4em}}
"""
