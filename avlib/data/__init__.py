"""Data sets of the book: one function opens any of them."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from avlib import profiles, text
from avlib.data.split import AVData
from avlib.data.store import Source, source_key, stored
from avlib.errors import AvlibError
from avlib.provenance import use

SETS = ("synthav", "avkinetics", "avdigits", "audioset", "kinetics_sounds", "folder")


def load(
    name: str, *, profile: str = "smoke", seed: int = 0, modalities: Sequence[str] = ("audio",), **knobs: object
) -> AVData:
    """The data set `name`, rendered at the first call and read from the cache afterwards.

    Parameters
    ----------
    name : ``"synthav"`` (generated), ``"avkinetics"`` (generated, one label a clip, better seen than heard),
        ``"avdigits"`` (real spoken and written digits), ``"audioset"`` and ``"kinetics_sounds"`` (their lists over
        media that you have), or ``"folder"`` (your own media)
    profile : chooses the number of clips, see `avlib.profiles`
    seed : what is drawn; a set that draws nothing ignores it
    modalities : ``"audio"``, ``"video"`` or both; only these are rendered
    knobs : settings of that data set, each overriding the profile; see `source` of its module, in short

        - audioset: ``lists``, ``media`` (folders); ``unbalanced=False``; ``classes`` and the rest as for folder
        - avkinetics: see `avlib.data.avkinetics.source`
        - avdigits: ``digits=(1, 3)`` fewest and most digits in a clip; ``clips=(train, valid, eval)``
        - folder: ``manifest=path`` of the CSV table (default ``$AVLIB_DATA/folder/manifest.csv``);
          ``classes=(…)``; ``seconds=10.0``; ``fps=4.0``, ``size=64``, ``window=4`` for the frames
        - kinetics_sounds: ``media`` (folder); ``classes`` and the rest as for folder
        - synthav: see `avlib.data.synthav.source`

    Raises
    ------
    AvlibError
        For an unknown data set, profile, modality or knob, and for recordings that are not there (the message
        says from where to get them and where to put them).
    """
    source = _opened(name, profile, seed, knobs)
    plain = {knob: str(value) if isinstance(value, Path) else value for knob, value in knobs.items()}
    call = {"name": name, "profile": profile, "seed": seed, **plain}
    use("data", f"{name} ({', '.join(f'{k}={v}' for k, v in list(call.items())[1:])})",
        {"call": call, "key": source_key(source)})  # fmt: skip
    data = stored(source, modalities)
    text.called((*data.classes, *data.train.ids, *data.valid.ids, *data.eval.ids))
    return data


def key(name: str, *, profile: str = "smoke", seed: int = 0, **knobs: object) -> str:
    """Digest of everything that decides what `load` would give, found without rendering or reading any clip.

    Raises
    ------
    AvlibError
        As `load` does.

    >>> key("synthav") == key("synthav", profile="smoke"), key("synthav") == key("synthav", seed=1)
    (True, False)
    """
    return source_key(_opened(name, profile, seed, knobs))


def sizes(name: str, *, profile: str = "smoke", seed: int = 0, **knobs: object) -> dict[str, int]:
    """Clips of each split of what `load` would give, those that cannot be read among them; nothing is rendered.

    Raises
    ------
    AvlibError
        As `load` does.

    >>> sizes("synthav", clips=(6, 1, 2))
    {'train': 6, 'valid': 1, 'eval': 2}
    """
    return dict(_opened(name, profile, seed, knobs).sizes)


def _opened(name: str, profile: str, seed: int, knobs: Mapping[str, object]) -> Source:
    if name not in SETS:
        raise AvlibError(f"data set {name!r} is unknown: choose one of {', '.join(SETS)}{_nearest(name, SETS)}")
    profiles.of(profile)  # a set that has no sizes of its own refuses an unknown one too
    source = _source(name)
    allowed = [knob for knob in inspect.signature(source).parameters if knob not in ("profile", "seed")]
    for knob in knobs:
        if knob not in allowed:
            raise AvlibError(f"{name} has no knob {knob!r}: it has {', '.join(allowed)}{_nearest(knob, allowed)}")
    return source(profile=profile, seed=seed, **knobs)


def missing(name: str, modalities: Sequence[str] = ()) -> str | None:
    """Why no chapter can be run on the data set `name` with `modalities` here, and what to do; None when one can.

    Nothing is rendered: whether a file of one's own has pictures is asked of the file itself, and of some files only.

    >>> missing("synthav", ["video"]) is None
    True
    """
    try:
        return _source(name)().lacks(modalities) or None
    except AvlibError as error:
        return str(error)


def _source(name: str) -> Callable[..., Source]:
    return importlib.import_module(f"avlib.data.{name}").source


def _nearest(word: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, allowed, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
