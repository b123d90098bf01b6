"""What a data set sounds and looks like, before anything is measured: an example of each class, and clear clips."""

import itertools
from dataclasses import dataclass

import numpy as np

from avlib.data.split import AVData, Media, Split
from avlib.data.synthav.scene import Scenery, plan, render
from avlib.data.synthav.timeline import CONTROL
from avlib.data.synthav.words import described
from avlib.data.synthav.worlds import World, named
from avlib.errors import AvlibError

MOST = 48  # classes that a page can show
LASTING = 0.6  # of a rendered example, that its event fills at least


@dataclass(frozen=True)
class Example:
    """A clip that stands for the class `name`, and in words what is `told` of it."""

    name: str
    media: Media
    told: str


def palette(data: AVData, seed: int = 0) -> list[Example]:
    """An example of each class of `data`; where there are more than `MOST`, of those most frequent in training.

    Generated classes are rendered for the occasion: a clip with one event, heard and seen, that fills `LASTING` of it
    and more, and with no other source; told is how the class is made and what its label implies.  Of other data it is
    the clip that has the fewest labels beside the class's own, from the eval split if one is there; told is how many
    clips have the class, and which labels are beside it.  A class without any clip is left out.

    Raises
    ------
    AvlibError
        When the data set keeps no sound to play.
    """
    if world := _world(data):
        return _rendered(data, world, seed)
    counts = (data.train.labels > 0.5).sum(dim=0).numpy()
    shown = sorted(np.argsort(-counts, kind="stable")[:MOST].tolist())
    return [example for c in shown if (example := _found(data, c))]


def clear(split: Split, start: int = 0, count: int = 3) -> list[int]:
    """The first `count` clips of `split`, from `start` on and then from its beginning, that hold something clear.

    That is an event both heard and seen, which lasts at least as long as half of all such events do, each clip being
    counted with its longest; where the true events are not known, a label; and where no clip is clear, any is.  Fewer
    than `count` where there are no more.

    >>> import torch
    >>> from avlib.data.split import Event
    >>> short, long = Event(0, onset=0.0, offset=1.0), Event(0, onset=0.5, offset=2.5)
    >>> split = Split({}, torch.ones(4, 1), ("a", "b", "c", "d"), ((short,), (), (long,), (long,)))
    >>> clear(split), clear(split, start=3)
    ([2, 3], [3, 2])
    """
    if split.events is None:
        good = (split.labels > 0.5).any(dim=1).numpy()
    else:
        lasting = np.array([max((e.offset - e.onset for e in clip if e.heard and e.seen), default=0.0)
                            for clip in split.events])  # fmt: skip
        good = lasting >= np.median(lasting[lasting > 0]) if lasting.any() else lasting > 0
    order = [*range(start, len(split)), *range(start)]
    return [i for i in order if good[i] or not good.any()][:count]


def _world(data: AVData) -> World | None:
    """The named world whose classes `data` has, if it has those of one."""
    if data.name != "synthav":
        return None
    try:
        world = named(len(data.classes))
    except AvlibError:
        return None
    return world if world.classes == data.classes else None


def _rendered(data: AVData, world: World, seed: int) -> list[Example]:
    seconds = data.eval.batch([0])[0]["audio"].shape[1] / data.front_end.frame_rate
    scenery = Scenery(world, round(seconds, 1), agreement=1.0, label_noise=0.0, events=(1, 1), seed=seed)
    alone: dict[int, int] = {}
    for i in itertools.count():
        plans, _ = plan(scenery, "eval", i)
        if len(plans) == 1 and plans[0].points >= LASTING * scenery.seconds * CONTROL:  # no distractor beside it
            alone.setdefault(plans[0].label or 0, i)
        if len(alone) == len(world.records):
            break
    examples = []
    for c, record in enumerate(world.records):
        others = [name for name, carried in zip(world.classes, world.closure[c], strict=True) if carried]
        others.remove(record.name)
        implied = f"; also tagged {', '.join(others)}" if others else ""
        media, _, _ = render(scenery, "eval", alone[c])
        examples.append(Example(record.name, media, described(record) + implied))
    return examples


def _found(data: AVData, c: int) -> Example | None:
    for split in (data.eval, data.train, data.valid):
        labels = (split.labels > 0.5).numpy()
        if labels[:, c].any():
            i = int(np.where(labels[:, c], labels.sum(axis=1), np.inf).argmin())
            beside = [name for k, name in enumerate(data.classes) if labels[i, k] and k != c]
            train, scored = (int((one.labels[:, c] > 0.5).sum()) for one in (data.train, data.eval))
            told = f"{train} of {len(data.train)} clips to train on, {scored} of {len(data.eval)} to score on"
            return Example(
                data.classes[c], split.media(i), told + (f"; here with {', '.join(beside)}" if beside else "")
            )
    return None
