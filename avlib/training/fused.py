"""Fusion models as the book trains them: from two trained branches, all alike; or from scratch."""

from collections.abc import Callable
from dataclasses import replace

from avlib import profiles
from avlib.data.split import AVData
from avlib.models.csn import CSN
from avlib.models.fusion import Fusion
from avlib.models.sizes import sized
from avlib.models.video import VideoTagger
from avlib.training.cache import trained
from avlib.training.loop import default_fabric, seeded
from avlib.training.objective import PLAIN, Objective
from avlib.training.recipe import Recipe
from avlib.transform import Transform


def fused(
    tap: str,
    data: AVData,
    profile: str,
    ear: CSN,
    eye: VideoTagger,
    seed: int = 0,
    objective: Objective = PLAIN,
    transforms: tuple[Transform, ...] = (),
) -> Fusion:
    """The fusion model `tap` on sound and window features, from the cache or trained now.

    Where the profile says how many passes `tuning` takes, it begins as `ear` and `eye` ended (`Fusion.begin`) and is
    tuned for so many, at a quarter of the rate; else it is trained from scratch by the profile's recipe.  `transforms`
    are done to its clips in either case.

    Raises
    ------
    AvlibError
        When the tap is unknown, or `data` lacks sound or video.
    """
    size, recipe = profiles.of(profile), replace(Recipe.preset(profile), objective=objective, transforms=transforms)
    features = data.only(["video"]).train.batch([0])[0]["video"].shape[2]
    factory: Callable[[], Fusion] = sized(tap, profile, len(data.classes), features=features)  # type: ignore[assignment]
    if size.tuning is None:
        return trained(factory, data, recipe, seed)[0]
    with seeded(seed, 0, default_fabric().device):
        model = factory()
    model.begin(ear, eye)
    recipe = replace(recipe, epochs=size.tuning, lr=recipe.lr / 4)
    return trained(factory, data, recipe, seed, start=model.state_dict())[0]
