"""Does a model look where the event is?  Attention over time against the true onsets."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avlib.data.split import AVData, Split
from avlib.metrics.bootstrap import Interval, paired
from avlib.metrics.tagging import Array, Flags


def frame_edges(frames: int, length: int, stride: int, lead: int, hop: float) -> Tensor:
    """Times (T′ + 1,), in seconds, between the encoded frames of a clip of `length` input frames, `hop` seconds each.

    Encoded frame t stands for the input frames t·stride − lead … (t + 1)·stride − lead − 1.  Poolings without padding
    have no lead; the padded, strided convolutions of ResNet centre their windows, so that the lead is stride / 2.

    >>> frame_edges(frames=2, length=30, stride=16, lead=8, hop=0.025)
    tensor([0.0000, 0.2000, 0.6000])
    """
    return (torch.arange(frames + 1) * stride - lead).clamp(0, length) * hop


def occupied(data: AVData, split: Split, edges: Tensor) -> Tensor:
    """Share of every encoded frame in which a class is heard, (N, T′, C), from the true events of `split`.

    A class is also heard where one that implies it is (a police car where a siren is asked for).  Of several events of
    one class, the one that fills most of a frame counts.  All 0 where the data set has no onsets.
    """
    share = torch.zeros(len(split), len(edges) - 1, len(data.classes))
    start, end = edges[:-1], edges[1:]
    for clip, events in zip(share, split.events or (), strict=False):
        for event in events:
            if event.heard:
                shared = end.clamp(max=event.offset) - start.clamp(min=event.onset)
                clip[:, event.label] = torch.maximum(clip[:, event.label], shared.clamp(min=0) / (end - start))
    pairs = [(data.classes.index(child), data.classes.index(parent)) for child, parent in data.implications]
    for child, parent in pairs * len(pairs):  # as often as the longest chain of implications could need
        share[:, :, parent] = torch.maximum(share[:, :, parent], share[:, :, child])
    return share


def mass_inside(weights: Tensor, inside: Tensor) -> Tensor:
    """Σ_t w_t·o_t, (N, C): how much of the weights (N, T′, C or 1), which sum to 1 over time, falls on the events.

    `inside` is `occupied`.  Equal weights give the share of time that the events take up.

    >>> mass_inside(torch.tensor([[[0.75], [0.25]]]), torch.tensor([[[1.0], [0.0]]]))
    tensor([[0.7500]])
    """
    return (weights * inside).sum(dim=1)


def attention_inside(weights: Tensor, labels: Tensor, inside: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """How much attention falls on the true events, and what to compare it with; (N, C) each, and which pairs count.

    "of the class": `mass_inside` of its own weights (N, T′, C).  "of absent classes": of the mean weights of those that
    the clip does not carry, inside the same events: as high where a model finds sound and not the class.  "equal
    weights": of w_t = 1/T′.  A pair of clip and class counts where the clip carries the class and it is heard.
    """
    absent = (1 - labels).unsqueeze(1)  # (N, 1, C)
    others = (weights * absent).sum(dim=2, keepdim=True) / absent.sum(dim=2, keepdim=True).clamp_min(1)  # (N, T′, 1)
    compared = {"equal weights": torch.full_like(others, 1 / others.shape[1]), "of absent classes": others}
    shares = {whose: mass_inside(each, inside) for whose, each in {**compared, "of the class": weights}.items()}
    return shares, ((inside.sum(dim=1) > 0) & (labels > 0)).float()


def mean_of_pairs(values: Array, counted: Flags, weights: Array) -> Array:
    """Mean of `values` (N, C) over the `counted` pairs of clip and class: a statistic for `bootstrap` and `paired`.

    (1, R) for weights (N, R), NaN where no pair is counted.
    """
    total, pairs = ((part * counted).sum(axis=1)[None] @ weights for part in (values, np.ones_like(values)))
    return np.divide(total, pairs, out=np.full(total.shape, np.nan), where=pairs > 0)


def located(
    data: AVData,
    split: Split,
    weights: Mapping[str, Sequence[Tensor]],
    edges: Mapping[str, Tensor],
    replicates: int = 400,
) -> tuple[pd.DataFrame, dict[str, Interval]]:
    """`attention_inside` of each model's weights, in the mean over the pairs of clip and class that count.

    `weights` has (N, T′, C) for each training seed of a model.  A table with the columns model, whose, value, low,
    high: what the attention of the class, and that of absent classes, puts inside the events beyond equal weights; and
    for each model the difference of the two.  All are paired over the same draws of clips.
    """
    rows, gains = [], {}
    for name, seeds in weights.items():
        inside = occupied(data, split, edges[name])
        found = [attention_inside(each, split.labels, inside) for each in seeds]
        counted = found[0][1]  # a matter of the clips alone
        shares = {whose: torch.stack([share[whose] for share, _ in found]) for whose in found[0][0]}
        even, own, absent = (shares[whose] for whose in ("equal weights", "of the class", "of absent classes"))
        for whose, share in (("of the class", own), ("of absent classes", absent)):
            gain = paired(share, even, counted, mean_of_pairs, replicates=replicates)
            rows.append((name, whose, gain.value, gain.low, gain.high))
        gains[name] = paired(own, absent, counted, mean_of_pairs, replicates=replicates)
    return pd.DataFrame(rows, columns=["model", "whose", "value", "low", "high"]), gains


def shortest_event(split: Split) -> tuple[int, int, list[tuple[float, float]]]:
    """Clip and class of the shortest event that is heard and labelled, and all times (start, end) of that class there.

    The first clip that has a label, without times, where the data set has no onsets.
    """
    heard = [
        (event.offset - event.onset, clip, event.label)
        for clip, events in enumerate(split.events or ())
        for event in events
        if event.heard and split.labels[clip, event.label]
    ]
    if not heard:
        clip, label = divmod(int((split.labels > 0.5).flatten().long().argmax()), split.labels.shape[1])
        return clip, label, []
    _, clip, label = min(heard)
    events = split.events[clip] if split.events else ()
    return clip, label, [(event.onset, event.offset) for event in events if event.label == label and event.heard]
