"""The eye that has seen another world: a window encoder, pre-trained and frozen, and what it makes of clips, kept."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from avlib import profiles
from avlib.data import load
from avlib.data.source import SPLITS
from avlib.data.split import AVData, Split
from avlib.files import cache_dir, locked
from avlib.models.sizes import sized
from avlib.models.tagger import Tagger
from avlib.models.video import WindowEncoder
from avlib.provenance import digest, sources
from avlib.training.cache import trained
from avlib.training.checkpoint import Damaged, read, write
from avlib.training.frozen import observed
from avlib.training.recipe import Recipe

ELSEWHERE = 2**32 - 1  # the last of all worlds and seeds, so that no clip and no class of it is ever studied


def elsewhere(profile: str, window: int) -> AVData:
    """Generated video of a world that no page studies: one event a clip, seen and rightly labelled, no class rare.

    It plays the part of Kinetics-400, whose clips show one action each.
    """
    size = profiles.of(profile)
    return load(
        "synthav",
        profile=profile,
        seed=ELSEWHERE,
        modalities=("video",),
        world=ELSEWHERE,
        classes=size.kinds,
        clips=size.views,
        window=window,
        events=(1, 1),
        agreement=1.0,
        label_noise=0.0,
        class_frequency=0.0,
    )


def pretrained(profile: str, window: int) -> WindowEncoder:
    """The encoder of windows of `window` frames, trained to tag `elsewhere`, or taken from the cache; frozen.

    There is one for each profile, as there is one file of published weights: the seed of a study does not touch it.
    """
    data = elsewhere(profile, window)
    recipe = replace(Recipe.preset(profile), epochs=profiles.of(profile).looks, steps=None, transforms=())
    model, _ = trained(sized("glance", profile, len(data.classes), window=window), data, recipe)
    encoder: WindowEncoder = model.branches["video"]  # type: ignore[assignment]
    return encoder.requires_grad_(False).eval()


def watched(encoder: WindowEncoder, data: AVData) -> AVData:
    """`data` with the features (N, W, D) that `encoder` makes of its windows in the place of their pixels.

    They are computed once and kept in ``cache_dir() / "windows"``, by the encoder's weights and the clips; other
    modalities, labels, events and media stay as they are.
    """
    state = encoder.state_dict()
    clips = [getattr(data, name).ids for name in SPLITS]
    key = digest(list(state), *state.values(), sources(WindowEncoder.__module__), data.checksums["video"], *clips)
    path = cache_dir() / "windows" / f"{data.name}-{key}.safetensors"
    with locked(path):
        try:
            features, _, stamp = read(path)
        except (Damaged, FileNotFoundError):
            features = {name: _seen(encoder, getattr(data, name)) for name in SPLITS}
            stamp = write(path, features, {})
    splits: dict[str, Any] = {name: _with(getattr(data, name), values) for name, values in features.items()}
    return replace(data, **splits, checksums={**data.checksums, "video": stamp})


def _seen(encoder: WindowEncoder, split: Split) -> Tensor:
    alone = Tagger({"video": encoder}, torch.nn.Identity())  # type: ignore[arg-type]
    return observed(alone, split, alone.bottleneck)


def _with(split: Split, values: Tensor) -> Split:
    """`split` with `values` (N, W, D) as its video; a view of some rows finds them where its other features are."""
    if split.rows is not None:
        stored = values.new_zeros(int(split.rows.max()) + 1, *values.shape[1:])
        stored[split.rows] = values
        values = stored
    return replace(split, features={**split.features, "video": values})
