"""A scatter of classes that answers: point at one, or choose it from a list, to read its numbers and hear a clip.

Written out as HTML with a few lines of script, so that it works where no kernel runs, from a file, without a network.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib import text
from avlib.plots.style import COLOURS

WIDE, HIGH, EDGE = 380, 290, 56  # of the picture, and what is left beside it for numbers
TICKS = 5


@dataclass(frozen=True)
class Mark:
    """One class: where it stands, words about it, and the waveform (samples,) of one of its clips."""

    name: str
    x: float
    y: float
    told: str
    heard: Tensor


def html(marks: Sequence[Mark], sounds: Sequence[str], axes: tuple[str, str], words: str, name: str) -> str:
    """`marks` in a picture with two named `axes`, a list to choose from, and a player.

    `sounds` are the addresses of what is heard of each; `words` tell the picture to who cannot see it; `name` occurs
    once on a page.  A pointer chooses by touching a mark, a keyboard by the list.  Where no script runs, the first
    stands.
    """
    (left, right), (low, high) = (_ends([getattr(mark, way) for mark in marks]) for way in ("x", "y"))
    across = lambda x: EDGE + (WIDE - EDGE - 12) * (x - left) / (right - left)  # noqa: E731
    upwards = lambda y: HIGH - EDGE - (HIGH - EDGE - 12) * (y - low) / (high - low)  # noqa: E731
    scale = "".join(
        f'<text x="{across(x):.0f}" y="{HIGH - EDGE + 18}" text-anchor="middle">{x:.3g}</text>'
        for x in _round(left, right)
    ) + "".join(
        f'<text x="{EDGE - 8}" y="{upwards(y) + 4:.0f}" text-anchor="end">{y:.3g}</text>' for y in _round(low, high)
    )
    dots = "".join(
        f'<circle cx="{across(mark.x):.1f}" cy="{upwards(mark.y):.1f}" r="6"{" class=now" * (at == 0)}>'
        f"<title>{escape(text.clean(mark.name))}</title></circle>"
        for at, mark in enumerate(marks)
    )
    options = "".join(f'<option value="{at}">{escape(text.clean(mark.name))}</option>' for at, mark in enumerate(marks))
    facts = [{"told": text.clean(mark.told), "sound": sound} for mark, sound in zip(marks, sounds, strict=True)]
    data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")  # a name cannot end the script
    return (
        f'<div class="marks mathjax_ignore" id="{name}">{STYLE}'
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(text.clean(words))}">'
        f'<path d="M{EDGE} 8V{HIGH - EDGE}H{WIDE}"/>{scale}<g>{dots}</g>'
        f'<text x="{(WIDE + EDGE) / 2:.0f}" y="{HIGH - 6}" text-anchor="middle">{escape(axes[0])}</text>'
        f'<text transform="translate(12 {(HIGH - EDGE) / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(axes[1])}'
        f"</text></svg><div><label>class <select>{options}</select></label>"
        f'<p role="status">{text.html(facts[0]["told"])}</p><div class="players"><audio controls preload="none" '
        f'src="{sounds[0]}" aria-label="a clip of the class"></audio></div></div>'
        f'<script type="application/json">{data}</script><script>{SCRIPT}("{name}")</script></div>'
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """A little below the lowest and above the highest; never the same number twice."""
    low, high = min(values), max(values)
    spare = 0.06 * (high - low) or 0.5
    return low - spare, high + spare


def _round(low: float, high: float) -> list[float]:
    """A few round numbers from `low` to `high`.

    >>> _round(0.41, 0.93)
    [0.45, 0.6, 0.75, 0.9]
    """
    return [float(round(tick, 9)) for tick in MaxNLocator(TICKS).tick_values(low, high) if low <= tick <= high]


# In the output and not in the book's own style sheet, so that JupyterLab shows the same.
STYLE = f"""<style>
.marks{{display:grid;gap:.8rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));margin:1rem 0;
width:100%;text-align:left}}
.marks svg{{width:100%;overflow:visible}}
.marks path{{fill:none;stroke:currentColor;opacity:.6}}
.marks text{{fill:currentColor;font-size:13px}}
.marks circle{{fill:{COLOURS[0]};fill-opacity:.65;stroke:currentColor;stroke-width:0;cursor:pointer}}
.marks circle.now{{fill:{COLOURS[1]};fill-opacity:1;stroke-width:2}}
.marks select{{font:inherit;max-width:14rem;padding:.2em}}
.marks audio{{width:100%}}
</style>"""

SCRIPT = """(name => {
  const root = document.getElementById(name), all = what => root.querySelectorAll(what), [audio] = all("audio");
  const facts = JSON.parse(all("script")[0].textContent), [list] = all("select"), dots = all("circle");
  const show = at => {
    list.value = at;
    dots.forEach((dot, i) => dot.classList.toggle("now", i === at));
    all("[role=status]")[0].textContent = facts[at].told;
    if (audio.getAttribute("src") !== facts[at].sound) audio.src = facts[at].sound;
  };
  list.addEventListener("input", () => show(+list.value));
  dots.forEach((dot, i) => {
    dot.addEventListener("pointerenter", () => show(i));
    dot.addEventListener("click", () => { show(i); audio.play().catch(() => {}); });
  });
  show(+list.value);  // where a browser had left it
})"""
