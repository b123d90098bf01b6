"""Is the test bed fair, and does each dial do its own work?  Cheap measurements with linear probes.

A probe is one logistic regression a class on a fixed summary of each clip.  What a summary must not reveal
(loudness, mean spectrum, clip length) is compared with chance; what it should reveal answers to a dial.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from avlib.data.split import AVData, Event, Split
from avlib.errors import AvlibError
from avlib.metrics.chance import chance_ap, chance_map
from avlib.metrics.tagging import tagging
from avlib.models.regression import logistic_regression, moments

Summary = Callable[[AVData, Split], Tensor]
FOLDS = 5
HUES = 24  # bins of the colour circle
TONES = 4  # steps of red, green and blue each, in a colour histogram
STRENGTH = 0.02  # inverse penalty of the probes: a few hundred numbers from about a thousand clips


def enough(data: AVData) -> None:
    """Refuse a data set on which nothing can be learnt or scored.

    Raises
    ------
    AvlibError
        With fewer than four clips to train on, or without a class that some clips of eval carry and others do not.
    """
    if len(data.train) < 4:
        raise AvlibError(f"{data.name} has {len(data.train)} clips to train on: at least 4 are needed")
    if np.isnan(chance_map(data.eval.labels > 0.5)):
        raise AvlibError(f"{data.name}: no class has clips with and without it among the {len(data.eval)} of the eval "
                         "split, so nothing can be scored: give it more clips")  # fmt: skip


def shortcuts(data: AVData) -> pd.DataFrame:
    """Macro mAP on the eval split of probes that should stay near chance, one row a shortcut.

    Columns: `mAP`; `chance`, the expected mAP of scores in random order.
    """
    tried = {"loudness": loudness, "mean spectrum": mean_spectrum, "clip length": length}
    found = pd.Series({name: probe(data, summary) for name, summary in tried.items()}, name="mAP")
    return found.rename_axis("probe").to_frame().assign(chance=chance_map(data.eval.labels > 0.5))


def probe(data: AVData, summary: Summary) -> float:
    """Macro mAP on eval of logistic regressions on `summary`, fitted on train, over the classes present in both."""
    fitted, scored = (summary(data, split).double() for split in (data.train, data.eval))
    known = data.train.labels > 0.5
    both = known.any(dim=0) & ~known.all(dim=0)
    mean, deviation = moments(fitted)
    design = (fitted - mean) / deviation
    weights, bias = logistic_regression(design, known[:, both], penalty=1 / (STRENGTH * len(design)))
    return tagging((scored - mean) / deviation @ weights.T + bias, data.eval.labels[:, both] > 0.5).mAP


def separability(data: AVData, summary: Summary, counts: Callable[[Event], bool]) -> float:
    """Macro AUC of cross-validated logistic regressions on `summary`, for the events of eval that `counts` accepts.

    Neither the training split nor the prevalence of a class enters, so that the dials of both leave it alone.
    """
    summaries, truth = summary(data, data.eval).numpy(), true_labels(data, data.eval, counts)
    scores = [
        roc_auc_score(wanted, cross_val_predict(_probe(), summaries, wanted, cv=FOLDS, method="decision_function"))
        for wanted in truth.T
        if FOLDS <= wanted.sum() <= len(wanted) - FOLDS
    ]
    return float(np.mean(scores)) if scores else np.nan


def _probe() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))


# --- summaries of a clip ------------------------------------------------------------------------------------------


def _audio(split: Split) -> Tensor:
    """The sound of every clip, on the CPU, where scikit-learn is; pictures are not read."""
    return split.to("cpu").whole("audio")


def loudness(data: AVData, split: Split) -> Tensor:
    """Level of each clip in dB, (N, 1): its mean power, added up over bins as wide as they are.

    The filters have unit area, so a bin's magnitude is a density and is weighted with the distance to its neighbours.
    """
    centres = data.front_end.centres.to(torch.float64)
    widths = torch.gradient(centres)[0].clamp_min(1e-9)
    level = data.normalizer.inverse(_audio(split)).double()
    power = 10 ** (level * 2 / data.front_end.power / 10)
    return 10 * (power * widths).sum(dim=2).mean(dim=1).log10()[:, None]


def mean_spectrum(data: AVData, split: Split) -> Tensor:
    """Mean of the log-mel spectrogram over time, (N, F)."""
    return _audio(split).mean(dim=1)


def length(data: AVData, split: Split) -> Tensor:
    """Seconds of each clip, (N, 1)."""
    audio = _audio(split)
    return torch.full((len(audio), 1), audio.shape[1] / data.front_end.frame_rate)


def movement(data: AVData, split: Split) -> Tensor:
    """What changes in a clip and how fast, (N, 2F + 16·20): deviation and rise of each bin, modulation of 16 bands.

    The modulations are the logarithm of the first 20 magnitudes of the Fourier transform over time.
    """
    audio = _audio(split)
    bands = torch.stack([part.mean(dim=2) for part in audio.tensor_split(16, dim=2)], dim=2)
    rates = torch.fft.rfft(bands - bands.mean(dim=1, keepdim=True), dim=1).abs()[:, 1:21]
    rises = audio.diff(dim=1).clamp_min(0).mean(dim=1)
    return torch.cat([audio.std(dim=1), rises, rates.clamp_min(1e-3).log().flatten(1)], dim=1)


def colours(data: AVData, split: Split) -> Tensor:
    """Colour histogram of a clip, (N, 64): √ of the share of its pixels, in all frames, of each of 4 × 4 × 4 colours.

    The root spreads out the small shares, which the things in front of the background have.
    """
    clips = split.only(["video"]).to("cpu")
    return torch.cat([_colours(batch["video"].flatten(1, 2)) for batch, _ in clips.batches(64)])


def _colours(frames: Tensor) -> Tensor:  # (n, M, 3, H, W)
    red, green, blue = (frames * TONES).long().clamp_max(TONES - 1).unbind(2)
    bins = ((red * TONES + green) * TONES + blue).flatten(1)
    counts = torch.zeros(len(frames), TONES**3).scatter_add_(1, bins, torch.ones(bins.shape))
    return (counts / bins.shape[1]).sqrt()


def foreground(data: AVData, split: Split) -> Tensor:
    """What stands out from the mean picture of a clip, (N, 24 + 14): its hues, its extent, how it moves and pulses.

    A pixel's weight is the largest difference of its colour from the mean over the clip's frames, above .1.  Hues are
    a histogram of weight; then come mean and deviation over time of the total weight, the deviations of its centre,
    and the first 10 magnitudes of the Fourier transform of the total weight.
    """
    clips = split.only(["video"]).to("cpu")
    return torch.cat([_foreground(batch["video"].flatten(1, 2)) for batch, _ in clips.batches(64)])


def _foreground(frames: Tensor) -> Tensor:  # (n, M, 3, H, W)
    away = frames - frames.mean(dim=1, keepdim=True)
    weight = (away.abs().amax(dim=2) - 0.1).clamp_min(0)  # (n, M, H, W)
    red, green, blue = frames.unbind(2)
    hue = torch.atan2(3**0.5 * (green - blue), 2 * red - green - blue) / (2 * torch.pi) % 1
    bins = (hue * HUES).long().clamp_max(HUES - 1).flatten(1)
    hues = torch.zeros(len(frames), HUES).scatter_add_(1, bins, weight.flatten(1))
    total = weight.sum(dim=(2, 3)) + 1e-3  # (n, M)
    grid = torch.linspace(-1, 1, frames.shape[-1])
    across = (weight.sum(dim=2) * grid).sum(dim=2) / total
    down = (weight.sum(dim=3) * grid).sum(dim=2) / total
    pulses = torch.fft.rfft(total.log() - total.log().mean(dim=1, keepdim=True), dim=1).abs()[:, 1:11]
    moments = torch.stack([total.mean(1), total.std(1), across.std(1), down.std(1)], dim=1)
    return torch.cat([(hues + 0.1).log(), moments, (pulses + 1e-3).log()], dim=1)


# --- what can be heard and seen at all ----------------------------------------------------------------------------


def ceiling(data: AVData, counts: Callable[[Event], bool]) -> float:
    """Expected mAP on eval of one who knows every event that `counts` accepts and of the rest nothing.

    Such a one puts the clips whose label follows from those events first, implications included, and leaves the others
    in random order (`chance_ap`).  NaN for a data set that does not know its true events.
    """
    if data.eval.events is None:
        return np.nan
    truth = data.eval.labels.numpy() > 0.5
    found = true_labels(data, data.eval, counts) & truth
    expected = [
        chance_ap(int(positives), len(truth), int(known))
        for positives, known in zip(truth.sum(axis=0), found.sum(axis=0), strict=True)
        if 0 < positives < len(truth)
    ]
    return float(np.mean(expected)) if expected else np.nan


# --- one measurement for each dial --------------------------------------------------------------------------------


def dials(data: AVData) -> pd.Series:
    """What each dial of the generator should move, measured on the rendered set; NaN where a modality is missing.

    audio_informativeness : `separability` of what is heard, from `movement`
    video_informativeness : `separability` of what is seen, from `foreground`
    agreement : share of the events of the eval split that are both heard and seen
    class_frequency : Gini coefficient of the classes' events in the training split, 0 when all are equally frequent
    label_noise : share of the labels that follow from the training split's events and are not given

    Raises
    ------
    AvlibError
        When the data set does not know its true events.
    """
    events = [event for clip in _events(data.eval) for event in clip]
    counts = np.zeros(len(data.classes))
    for clip in _events(data.train):
        for event in clip:
            counts[event.label] += 1
    true = true_labels(data, data.train)
    here = set(data.eval.features)
    return pd.Series(
        {
            "audio_informativeness": separability(data, movement, heard) if "audio" in here else np.nan,
            "video_informativeness": separability(data, foreground, seen) if "video" in here else np.nan,
            "agreement": float(np.mean([event.heard and event.seen for event in events])),
            "class_frequency": gini(counts),
            "label_noise": float((data.train.labels.numpy() < 0.5)[true].mean()),
        },
        name="measured",
    )


def true_labels(data: AVData, split: Split, counts: Callable[[Event], bool] = lambda event: True) -> np.ndarray:
    """Boolean (N, C): what follows from those true events of each clip that `counts` accepts, implications included."""
    index = {name: c for c, name in enumerate(data.classes)}
    labels = np.zeros((len(split), len(index)), bool)
    for clip, events in enumerate(_events(split)):
        labels[clip, [event.label for event in events if counts(event)]] = True
    for _ in data.implications:  # a chain of implications is no longer than their number
        before = labels.sum()
        for child, parent in data.implications:
            labels[:, index[parent]] |= labels[:, index[child]]
        if labels.sum() == before:
            break
    return labels


def heard(event: Event) -> bool:
    """Whether it sounds."""
    return event.heard


def seen(event: Event) -> bool:
    """Whether it shows."""
    return event.seen


def _events(split: Split) -> tuple[tuple[Event, ...], ...]:
    if split.events is None:
        raise AvlibError("this data set does not know its true events: measure the dials on synthav")
    return split.events


def gini(counts: np.ndarray) -> float:
    """Mean absolute difference of two classes' counts, over twice their mean.

    >>> gini(np.array([5, 5])), gini(np.array([10, 0]))
    (0.0, 0.5)
    """
    return float(np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean()))
