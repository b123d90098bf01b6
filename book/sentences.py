"""What the pages of prose conclude: sentences made from the numbers of this copy, which can come out every way.

Each takes what the pages have found, as `book.numbers.Known`, and gives Markdown for one place in the text; `SENTENCES`
says which.
"""

import math
from collections.abc import Mapping

from avlib.ledger import contradicted, counted, told
from avlib.ledger import ledger as whole
from avlib.published import quote
from book.numbers import Known, Number, number

FIRST, SECOND = "04_one_noise", "04_one_noise-avdigits"  # chapter 4, and the same on recordings
BANDS = "06_which_frequencies", "06_which_frequencies-avdigits"  # likewise
FUSED = "07_where_senses_meet", "07_where_senses_meet-avdigits"  # likewise
IN_BALL = 1.01  # ‖δ‖/ε up to which δ has kept its radius; the rest is rounding
VISIBLE = 0.005  # mAP; a smaller drop is not divided
LUCK = {1: "which is more than luck", 0: "which may be luck", -1: "which is less than nothing"}


def named(known: Known, page: str) -> str:
    """The data set that `page` was computed on, or, where it was not computed, the one that it is meant for."""
    meant = "avdigits" if page.endswith("-avdigits") else "synthav"
    return f"*{known.get(page, {}).get('provenance', {}).get('parameters', {}).get('dataset', meant)}*"


def agree(known: Known, found: Mapping[str, bool], says: str) -> str:
    """On which of the two pages a claim is true, where `found` says it of each that has the numbers for it.

    >>> agree({}, {FIRST: True, SECOND: False}, "δ does harm")
    'On *synthav* δ does harm; on *avdigits* that is not shown. So it need not be so elsewhere.'
    """
    true, false = ([named(known, page) for page, so in found.items() if so is way] for way in (True, False))
    if not found:
        return f"Whether {says} cannot be told: this copy has not computed it."
    if len(found) == 1:
        told = f"On {true[0]} {says}" if true else f"On {false[0]} it is not shown that {says}"
        return f"{told}; the other page has no number for it, so nobody can say whether it agrees."
    if true and false:
        return f"On {true[0]} {says}; on {false[0]} that is not shown. So it need not be so elsewhere."
    return f"On both data sets {says}." if true else f"On neither data set is it shown that {says}."


def harm(known: Known) -> str:
    """How the drop under one fitted δ divides into what noise of its size does and what the fit adds."""
    told, beyond = [], {}
    for page in (FIRST, SECOND):
        clean, noise, fitted = (number(known, page, f"{kind}_mAP").value for kind in ("clean", "noise", "universal"))
        extra = number(known, page, "drop_beyond_noise")
        if math.isnan(clean + noise + fitted + extra.value):
            continue
        beyond[page] = extra.sign > 0
        if clean - fitted < VISIBLE:
            part = "So there is hardly a drop to divide."
        elif (clean - noise) / (clean - fitted) > 0.5:
            part = "So most of the drop is what *any* noise of this size does."
        else:
            part = "So the smaller part of the drop is what *any* noise of this size does."
        told.append(
            f"- {named(known, page)}: of {clean:.3f} the random δ takes {clean - noise:.3f} and the fitted one "
            f"{clean - fitted:.3f}. {part} The fit adds {extra:.3f}, {LUCK[extra.sign]}."
        )
    return "\n".join([*told, "", agree(known, beyond, "fitting δ does harm that noise of the same size does not")])


def linear(known: Known) -> str:
    """Whether a fitted δ leaves the mAP of a linear tagger as it was."""
    changes = {page: number(known, page, "linear_mAP_change").value for page in (FIRST, SECOND)}
    changes = {page: value for page, value in changes.items() if not math.isnan(value)}
    if not changes:
        return "The first row is a theorem, and this copy has not put it to the test."
    if moved := {page: value for page, value in changes.items() if abs(value) >= 0.0005}:
        where = " and ".join(f"by {value:+.3f} on {named(known, page)}" for page, value in moved.items())
        return f"The first row should be 0 by a theorem, and it moves {where}: **something is wrong with the code**."
    where = " and ".join(named(known, page) for page in changes)
    return f"The first row is 0 by a theorem, so it tests the code, which passes on {where}."


def shift(known: Known) -> str:
    """What share of the newly broken clips a class-constant shift explains, taken before the rest and after it."""
    told, found = [], {}
    for page in (FIRST, SECOND):
        first, last = (number(known, page, f"shift_{order}_broken").value for order in ("first", "last"))
        if math.isnan(first + last):
            continue
        found[page] = min(first, last) > 0.5
        told.append(
            f"- {named(known, page)}: a share of **{Number(first):.2f}** where the shift is taken away from the clean "
            f"clips, and of **{Number(last):.2f}** where all but the shift is."
        )
    says = "the shift explains more than half of the newly broken clips, whichever is taken first"
    return "\n".join([*told, "", agree(known, found, says)])


def peeking(known: Known) -> str:
    """Whether fitting on the scored clips takes more mAP than fitting on others."""
    gains = {page: number(known, page, "peeking_gain") for page in (FIRST, SECOND)}
    found = {page: gain.sign > 0 for page, gain in gains.items() if not math.isnan(gain.value)}
    return "The last row is what fitting on the test set is worth. " + agree(
        known, found, "it takes more mAP than fitting on train does, beyond luck"
    )


def length(known: Known) -> str:
    """Whether the released update leaves its ball."""
    ratios = {page: number(known, page, "ratio_released").value for page in (FIRST, SECOND)}
    found = {page: ratio > IN_BALL for page, ratio in ratios.items() if not math.isnan(ratio)}
    return agree(known, found, "the released update ends outside of its ball")


def kept(known: Known) -> str:
    """Whether a δ as the released update makes it takes as much as the papers print, and more than a random one."""
    printed = [
        quote(paper, table, row, "mAP", attack="A", epsilon=0.1) / quote(paper, table, row, "mAP")
        for paper, table, row in (("P1", 2, "all bins"), ("P2", 1, "Audio UniModal"))
    ]
    left = {page: number(known, page, "kept_released") for page in (FIRST, SECOND)}
    found = {page: share.value <= max(printed) for page, share in left.items() if not math.isnan(share.value)}
    shares = " and ".join(f"{left[page].value:.2f} on {named(known, page)}" for page in found)
    told = [f"It keeps {shares}; printed are {printed[0]:.2f} and {printed[1]:.2f}."] if found else []
    told.append(agree(known, found, "a δ of that length takes as large a share of mAP as was printed"))
    random = {page: number(known, page, "kept_random_released") for page in found}
    less = {page: left[page].high < share.low for page, share in random.items() if not math.isnan(share.value)}
    if less:
        shares = " and ".join(f"{random[page].value:.2f} on {named(known, page)}" for page in less)
        says = "the released δ leaves less than a random one that is as long"
        told += [f"A *random* δ of that length keeps {shares}.", agree(known, less, says)]
    return " ".join(told)


def answer(known: Known) -> str:
    """What was asked and what came out, in three sentences."""
    asked = "Can something small, added to a sound, make a tagger wrong because it was *chosen*, and not by its size?"
    beyond = number(known, FIRST, "drop_beyond_noise")
    if math.isnan(beyond.value):
        return f"{asked} Chapter 4 answers, and is not in this copy of the book yet: `make book ONLY=04` computes it."
    clean, noise, fitted, each = (
        f"**{Number(number(known, FIRST, f'{kind}_mAP').value):.3f}**"
        for kind in ("clean", "noise", "universal", "samplewise")
    )
    came = {
        1: "the choice does harm that its size does not",
        0: "what the choice adds may be luck",
        -1: "the chosen noise does less harm than the random one",
    }
    out = (
        f"Here, on {named(known, FIRST)}, the untouched tagger has a mean average precision of {clean}; one random "
        f"noise leaves {noise}, one noise fitted for all clips {fitted}, and one made for each of some clips {each}: "
        f"{came[beyond.sign]}."
    )
    return f"{asked} {out} {_second(known)}"


def _second(known: Known) -> str:
    first, second = (number(known, page, "drop_beyond_noise") for page in (FIRST, SECOND))
    if math.isnan(second.value):
        return "Whether real recordings agree, this copy cannot say: nobody has computed it on them."
    way = "too" if first.sign == second.sign else "however"
    words = {1: "does more harm than", 0: "cannot be told from", -1: "does less harm than"}
    return f"On {named(known, SECOND)}, {way}, the fitted noise {words[second.sign]} a random one of its size."


def released(known: Known) -> str:
    """How long δ becomes by the released update and by the projected one."""
    here, projected = (number(known, FIRST, f"ratio_{kind}").value for kind in ("released", "projected"))
    if math.isnan(here + projected):
        return "How long the released update makes δ, this copy has not computed."
    told = (
        f"The released update, asked for a perturbation of radius ε in ℓ2, returns one that is {here:.1f} ε long "
        f"after twenty passes; the projected one ends at {projected:.1f} ε. "
    )
    return told + ("So the former leaves its ball." if here > IN_BALL else "So, here, both keep their radius.")


def bands(known: Known) -> str:
    """Whether noise in the low band does more harm than in the high one, and whether the halves of a clip differ."""
    lower, halves = (
        {page: says(found) for page in BANDS if not math.isnan((found := number(known, page, key)).value)}
        for key, says in (
            ("high_minus_low", lambda gap: gap.sign > 0),
            ("first_minus_second", lambda gap: gap.sign != 0),
        )
    )
    return (
        f"{agree(known, lower, 'noise in the low band does more harm than in the high one')} "
        f"{agree(known, halves, 'one half of a clip is more fragile than the other')}"
    )


def meet(known: Known) -> str:
    """Whether the attacked score rises with the depth of the tap, and whether late fusion is more than its eye."""
    slope, beyond = (
        {page: found.sign > 0 for page in FUSED if not math.isnan((found := number(known, page, key)).value)}
        for key in ("slope_universal", "beyond_eye_late")
    )
    return (
        f"{agree(known, slope, 'the attacked score rises with the depth of the tap')} "
        f"{agree(known, beyond, 'attacked late fusion still has more than its eye alone')}"
    )


def ledger(known: Known) -> str:
    """How many of the claims hold, do not, and cannot be decided: by this copy, and by the committed evidence."""
    entries = whole(known.get)
    here = counted(entry.standing(entry.here) for entry in entries)
    evidence = counted(entry.standing(entry.evidence) for entry in entries)
    against, both = contradicted(entries)
    first = (
        f"Three papers on taggers of sound and picture make **{len(entries)} claims** that this book puts to the test."
    )
    if not any(entry.here or entry.evidence for entry in entries):
        return f"{first} This copy has decided none of them: `make book` computes what is needed."
    agreement = (
        f" Where both decide, they differ on {', '.join(against)}." if against else
        f" On the {both} that both decide, they agree." if both else ""
    )  # fmt: skip
    return (
        f"{first} By what this copy has computed, {told(here)}. By the committed evidence, {told(evidence)}.{agreement}"
    )


SENTENCES = {
    "ANSWER": answer,
    "BANDS": bands,
    "HARM": harm,
    "KEPT": kept,
    "LEDGER": ledger,
    "LENGTH": length,
    "LINEAR": linear,
    "MEET": meet,
    "PEEKING": peeking,
    "RELEASED": released,
    "SHIFT": shift,
}
