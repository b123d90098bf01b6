"""The eye that has seen another world: a window encoder, pre-trained and frozen, and what it makes of clips, kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avlib import profiles
from avlib.data import load
from avlib.data.source import SPLITS
from avlib.data.split import AVData, Split
from avlib.errors import AvlibError
from avlib.files import cache_dir, data_dir, locked
from avlib.models.r2plus1d import ClipEncoder, read_r2plus1d
from avlib.models.sizes import sized
from avlib.models.tagger import Branch, Tagger
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


def pretrained(profile: str, window: int) -> Branch:
    """The encoder of windows of `window` frames, trained to tag `elsewhere`, or taken from the cache; frozen.

    There is one for each profile, as there is one file of published weights: the seed of a study does not touch it.
    Where the profile asks for them it is an R(2+1)D with the weights in ``$AVLIB_DATA/encoder``.

    Raises
    ------
    AvlibError
        When that folder does not hold one file of weights, or the file is none.
    """
    if profiles.of(profile).downloaded:
        return ClipEncoder(read_r2plus1d(_weights()), window).requires_grad_(False).eval()
    data = elsewhere(profile, window)
    recipe = replace(Recipe.preset(profile), epochs=profiles.of(profile).looks, steps=None, transforms=())
    model, _ = trained(sized("glance", profile, len(data.classes), window=window), data, recipe)
    return model.branches["video"].requires_grad_(False).eval()


def _weights() -> Path:
    folder = (data_dir() or Path("$AVLIB_DATA")) / "encoder"
    found = sorted(file for file in folder.glob("*") if file.suffix in (".pth", ".safetensors"))
    if len(found) != 1:
        raise AvlibError(f"{len(found)} files of weights in {folder}: put one there, R(2+1)D trained on Kinetics-400 "
                         "(https://download.pytorch.org/models/r2plus1d_18-91a641e6.pth) or IG65M "
                         "(https://github.com/moabitcoin/ig65m-pytorch)")  # fmt: skip
    return found[0]


def watched(encoder: Branch, data: AVData) -> AVData:
    """`data` with the features (N, W, D) that `encoder` makes of its windows in the place of their pixels.

    They are computed once and kept in ``cache_dir() / "windows"``, by the encoder's weights and the clips; other
    modalities, labels, events and media stay as they are.

    Raises
    ------
    AvlibError
        When `data` has no video, or windows that the encoder does not take.
    """
    seen = data.only(["video"])
    state = encoder.state_dict()
    clips = [getattr(data, name).ids for name in SPLITS]
    key = digest(list(state), *state.values(), sources(type(encoder).__module__), seen.checksums["video"], *clips)
    path = cache_dir() / "windows" / f"{data.name}-{key}.safetensors"
    with locked(path):
        try:
            features, _, stamp = read(path)
        except (Damaged, FileNotFoundError):
            features = {name: _seen(encoder, getattr(seen, name)) for name in SPLITS}
            stamp = write(path, features, {})
    splits: dict[str, Any] = {name: getattr(data, name).having({"video": values}) for name, values in features.items()}
    return replace(data, **splits, checksums={**data.checksums, "video": stamp})


def _seen(encoder: Branch, split: Split) -> Tensor:
    alone = Tagger({"video": encoder}, torch.nn.Identity())  # type: ignore[arg-type]
    return observed(alone, split, alone.bottleneck)
