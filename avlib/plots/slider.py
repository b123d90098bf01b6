"""One clip under an attack of several strengths, seen, heard, and with what a tagger says: for pages without a kernel.

All of it is made beforehand.  The reader moves a control, and a few lines of script in the output itself put the parts
of another state in place: in JupyterLab as in the book, from a folder of files as from a server.
"""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from avlib import text
from avlib.plots.style import COLOURS, SEQUENTIAL

SHOWN = 5  # highest classes
CLEAR = 0.98  # share of the entries of the largest δ that its colours can tell apart; the rest are all as dark
HEAT = (255 * mpl.colormaps[SEQUENTIAL](np.arange(256))).astype(np.uint8)
SIGNED = np.repeat((255 * mpl.colors.to_rgba_array([COLOURS[0], COLOURS[3]])).astype(np.uint8), 128, axis=0)
SIGNED[:, 3] = np.abs(np.arange(-255, 256, 2))  # nothing is transparent, on paper and in the dark
SIGHTS = {"what the tagger gets, x + δ": "its spectrogram", "what was added, δ, enlarged": "what was added to it"}


@dataclass(frozen=True)
class State:
    """The clip at one strength of the attack.

    name : what the control shows, such as ``"ε = 0.1"``.
    seen : what the tagger gets, (T, F).
    heard : the same as a waveform, (samples,).
    scores : the tagger's probability of each class, (C,).
    told : words about it, plain text.
    """

    name: str
    seen: Tensor
    heard: Tensor
    scores: Tensor
    told: str = ""


def html(states: Sequence[State], sounds: Sequence[str], classes: Sequence[str], labels: Tensor, name: str) -> str:
    """`states` of one clip, the first of them clean, and a control: a switch between two, a slider over more.

    Two pictures, of the input and of what was added to it (whose colours mean the same in every state), a player,
    and the `SHOWN` highest classes, those among the `labels` (C,) ticked.  `sounds` are the addresses of what is heard
    in each state; `name` occurs once on a page.  Where no script runs, the first state stands.
    """
    clean = states[0].seen
    low, high = (float(end) for end in clean.aminmax())
    limit = max(float((state.seen - clean).abs().float().quantile(CLEAR)) for state in states) or 1.0
    tops = [state.scores.topk(min(SHOWN, len(classes))).indices.tolist() for state in states]
    rows = list(dict.fromkeys(c for top in tops for c in top))
    marked = {c: f"{'✓' if labels[c] else '✗'} {text.clean(classes[c])}" for c in rows}
    facts: list[dict[str, Any]] = [
        {
            "name": state.name,
            "sights": [
                picture(state.seen, HEAT, low, high),
                picture(state.seen - clean, SIGNED, -limit, limit),
            ],
            "sound": sound,
            "bars": [[top.index(c) if c in top else SHOWN, round(float(state.scores[c]), 3)] for c in rows],
            "spoken": "; ".join(f"{marked[c]} {_percent(state.scores[c])}" for c in top),
            "told": text.clean(state.told),
        }
        for state, sound, top in zip(states, sounds, tops, strict=True)
    ]
    first = facts[0]
    sights = "".join(
        f'<p class="title">{title}</p><img alt="{words}" src="{source}">'
        for (title, words), source in zip(SIGHTS.items(), first["sights"], strict=True)
    )
    bars = "".join(
        f'<li{" class=right" if labels[c] else ""} style="--rank:{rank};--share:{share}">'
        f"<span>{text.html(marked[c])}</span><span>{_percent(share)}</span></li>"
        for c, (rank, share) in zip(rows, first["bars"], strict=True)
    )
    data = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")  # a name cannot end the script
    return (
        f'<div class="tried mathjax_ignore" id="{name}">{STYLE}{_control([state.name for state in states], name)}'
        f'<div>{sights}</div><div><div aria-hidden="true"><p class="title">what it answers (✓ is in the clip)</p>'
        f'<ol>{bars}</ol></div><p class="spoken" role="status">{text.html(first["spoken"])}</p>'
        f'<div class="players"><audio controls preload="none" src="{sounds[0]}" aria-label="the clip"></audio></div>'
        f'<p class="told">{text.html(first["told"])}</p></div>'
        f'<script type="application/json">{data}</script><script>{SCRIPT}("{name}")</script></div>'
    )


def picture(values: Tensor, palette: NDArray[np.uint8], low: float, high: float) -> str:
    """`values` (T, F) as the address of a PNG of a pixel each, time to the right and mel bins upwards.

    The `palette` holds 256 colours (256, 4), from `low` to `high`.

    >>> import torch
    >>> picture(torch.zeros(3, 2), SIGNED, -1, 1)[:22]
    'data:image/png;base64,'
    """
    shares = ((values.cpu().T.flip(0) - low) / ((high - low) or 1.0)).clamp(0, 1)
    drawn = Image.fromarray((255 * shares).round().byte().numpy())
    drawn.putpalette(palette[:, :3].tobytes())
    drawn.save(file := io.BytesIO(), "PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _percent(share: Tensor | float) -> str:
    return f"{100 * float(share):.0f} %"


def _control(names: Sequence[str], name: str) -> str:
    """What the reader moves; each input has the number of its state as value."""
    if len(names) == 2:
        choices = "".join(
            f'<label><input type="radio" name="{name}-at" value="{at}"{" checked" * (at == 0)}><span>{text.html(to)}'
            "</span></label>"
            for at, to in enumerate(names)
        )
        return f'<div class="switch" role="radiogroup" aria-label="strength of the attack">{choices}</div>'
    return (
        f'<label class="range"><output>{text.html(names[0])}</output><input type="range" min="0" value="0" '
        f'max="{len(names) - 1}" aria-label="strength of the attack" aria-valuetext="{names[0]}"></label>'
    )


# In the output and not in the book's own style sheet, so that JupyterLab shows the same.
STYLE = f"""<style>
.tried{{display:grid;gap:.8rem 2rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));margin:1rem 0;
width:100%;text-align:left}}
.tried>.range,.tried>.switch{{grid-column:1/-1;margin:0}}
.tried .range{{display:flex;align-items:center;gap:1rem}}
.tried .range input{{flex:1;min-width:0;height:1.8rem;accent-color:{COLOURS[0]}}}
.tried output{{min-width:6.5em;font-weight:bold}}
.tried .switch label{{cursor:pointer;margin:0}}
.tried .switch input{{position:absolute;opacity:0}}
.tried .switch span{{display:inline-block;padding:.3em 1.2em;border:1px solid currentColor}}
.tried .switch label:first-child span{{border-radius:2em 0 0 2em;border-right:0}}
.tried .switch label:last-child span{{border-radius:0 2em 2em 0}}
.tried .switch :checked+span{{background:{COLOURS[0]};color:#fff}}
.tried .switch :focus-visible+span{{outline:2px solid currentColor;outline-offset:3px}}
.tried img{{display:block;width:100%!important;height:8.2rem;margin:0 0 .8rem;image-rendering:pixelated;
padding:0!important;background:none!important;filter:none!important;border-radius:.3rem;
outline:1px solid color-mix(in srgb,currentColor 35%,transparent);outline-offset:-1px}}
.tried .title{{font-size:.85em;line-height:1.4;margin:0 0 .3rem}}
.tried ol{{list-style:none;position:relative;margin:0;padding:0;height:11.2rem}}
.tried li{{position:absolute;left:0;right:0;top:0;height:1.95rem;line-height:1.8rem;margin:0;padding:0 .6rem;
display:flex;justify-content:space-between;gap:1rem;
transform:translateY(calc(var(--rank)*2.25rem));transition:transform .6s,opacity .6s}}
.tried li[style*="rank:{SHOWN}"]{{opacity:0}}
.tried li::before{{content:"";position:absolute;left:0;top:0;bottom:0;box-sizing:border-box;
width:calc(100%*var(--share));background:{COLOURS[3]}33;border-bottom:3px solid {COLOURS[3]};transition:width .6s}}
.tried li.right::before{{background:{COLOURS[0]}44;border-color:{COLOURS[0]}}}
.tried li.right{{font-weight:bold}}
.tried li span{{position:relative;white-space:nowrap}}
.tried li span:first-child{{overflow:hidden;text-overflow:ellipsis}}
.tried .told{{font-size:.9em;margin:.5rem 0 0}}
.tried .players{{margin-top:.8rem}}
.tried audio{{width:100%}}
.tried .spoken{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
@media(prefers-reduced-motion:reduce){{.tried li,.tried li::before{{transition:none}}}}
</style>"""

SCRIPT = """(name => {
  const root = document.getElementById(name), all = what => root.querySelectorAll(what), [audio] = all("audio");
  const states = JSON.parse(all("script")[0].textContent);
  const show = at => {
    const state = states[at], playing = !audio.paused, time = audio.currentTime;
    all("img").forEach((image, i) => { image.src = state.sights[i]; });
    all("li").forEach((row, i) => {
      const [rank, share] = state.bars[i];
      row.setAttribute("style", `--rank:${rank};--share:${share}`);
      row.lastChild.textContent = `${Math.round(100 * share)} %`;
    });
    all("output").forEach(shown => { shown.textContent = state.name; });
    all("[type=range]").forEach(range => { range.setAttribute("aria-valuetext", state.name); });
    all(".told")[0].textContent = state.told;
    all(".spoken")[0].textContent = state.spoken;
    if (audio.getAttribute("src") === state.sound) return;
    audio.src = state.sound;
    audio.currentTime = time;
    if (playing) audio.play().catch(() => {});  // moved on before it began
  };
  all("input").forEach(input => {
    input.addEventListener("input", () => show(+input.value));
    if (input.type === "range" || input.checked) show(+input.value);  // where a browser had left it
  });
})"""
