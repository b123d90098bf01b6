"""What the classes of a data set sound like, measured from its training clips."""

import pandas as pd
import torch
from torch import Tensor

from avlib.data.split import AVData
from avlib.data.synthav import World

IMPLIED = 0.95  # share of a class's clips that carry another label, from which on the other is called its parent


def described(data: AVData) -> pd.DataFrame:
    """One row a class: the mean, over the training clips that carry it, of what describes a clip.

    count : training clips that carry the class.
    centroid : of the spectrum, Σ_f f·p_f / Σ_f p_f in mel bins, where p is the power; loud frames count more.
    tonality : 1 − H(p) / log F, with the entropy H of a frame's spectrum: 1 for a single bin, 0 for an even spectrum.
    steadiness : −mean |Δt| of the level, in dB a frame: 0 for a sound that stands still.
    depth : how many other classes are implied, because nearly all of its clips carry them too.

    A clip of several labels counts for each of them, so classes that come together look alike.  NaN without any clip.

    >>> from avlib.data import load
    >>> table = described(load("synthav", clips=(40, 2, 2), classes=4))
    >>> list(table), len(table)
    (['count', 'centroid', 'tonality', 'steadiness', 'depth'], 4)
    """
    labels = data.train.labels.double().cpu()
    batches = data.train.to("cpu").only(["audio"]).batches(256)
    numbers = torch.cat([_clips(batch["audio"], data) for batch, _ in batches]).double()
    count = labels.sum(dim=0)
    means = (labels.T @ numbers) / count[:, None]
    together = (labels.T @ labels) / count[:, None]
    depth = (together >= IMPLIED).sum(dim=1) - 1.0
    table = torch.column_stack([count, means, torch.where(count > 0, depth, torch.nan)])
    names = ["count", "centroid", "tonality", "steadiness", "depth"]
    return pd.DataFrame(table.numpy(), index=list(data.classes), columns=names)


def dialled(world: World) -> pd.DataFrame:
    """One row a class: what the records of a generated `world` set, not measured but known.

    In a drawn world they have nothing to do with each other nor with how often a class comes, so that what goes with
    one of them is its effect.

    centroid : of the band through which the class sounds, in Hz.
    tonality : 1 − the share of noise in its source.
    steadiness : the share of a bar that sounds at full level.

    >>> from avlib.data.synthav import drawn
    >>> dialled(drawn(0, 200)).corr("spearman").abs().round(1)["tonality"].tolist()
    [0.1, 1.0, 0.0]
    """
    rows = {
        record.name: (record.sound.band.centroid, 1 - record.sound.noisiness, record.sound.stationarity)
        for record in world.records
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["centroid", "tonality", "steadiness"])


def _clips(x: Tensor, data: AVData) -> Tensor:
    """Centroid, tonality and steadiness of each clip of z-scored features (N, T, F); (N, 3)."""
    level = 2 / data.front_end.power * (x * data.normalizer.std.to(x) + data.normalizer.mean.to(x))  # dB of the power
    power = 10 ** (level / 10)
    loudness = power.sum(dim=2)
    spectrum = power / loudness[..., None].clamp_min(torch.finfo(x.dtype).tiny)
    weight = loudness / loudness.sum(dim=1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    centroid = (spectrum * torch.arange(x.shape[2])).sum(dim=2)
    entropy = torch.special.entr(spectrum).sum(dim=2)
    tonality = 1 - entropy / torch.log(torch.tensor(float(x.shape[2])))
    steadiness = -level.diff(dim=1).abs().mean(dim=(1, 2))
    return torch.stack([(weight * centroid).sum(dim=1), (weight * tonality).sum(dim=1), steadiness], dim=1)
