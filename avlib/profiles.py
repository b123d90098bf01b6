"""What a profile is: every size that the book chooses, from the width of a model to the number of bootstrap draws.

Nothing else in the project knows what a profile's name stands for.
"""

from dataclasses import dataclass

from avlib.errors import AvlibError

Clips = tuple[int, int, int]  # train, valid, eval


@dataclass(frozen=True)
class Profile:
    """The sizes of one profile.

    Models
        width : channels of the last convolution; stem, depth : those of the ResNet; dropout : of the transformer;
        eye : features of a window of video frames; views, kinds, looks : clips, classes and epochs of its pre-training;
        downloaded : whether its encoder is R(2+1)D with weights from a file instead
    Data sets
        classes, clips, events, seconds : of `synthav`, events as (fewest, most) in a clip;
        actions, films : classes and clips of `avkinetics`; digits : clips of `avdigits`;
        dials : clips of each small data set on which one dial is turned
    Recipe
        epochs, batch_size, lr, warmup, steps : see `avlib.training.Recipe`
        tuning : epochs of a fusion model that begins as its trained branches; None trains it from scratch
    Attacks
        victims : clips attacked one by one; fitting, fitting_batch : clips and batch size of a universal fit, of which
        `fits` are drawn;
        released : the same two for the readings of the released code
        linear : clips at most that the linear tagger on spectrograms is fitted to
    Statistics
        replicates : draws of a bootstrap; seeds : trainings that are compared
        universes : claims measured under other conventions too; crossed : all combinations of those, not one at a time
    Pictures
        umap : whether UMAP, which takes long to import, is drawn beside t-SNE
    """

    name: str
    width: int
    clips: Clips
    digits: Clips
    films: Clips
    dials: Clips = (100, 1, 200)
    classes: int = 32
    actions: int = 34
    events: tuple[int, int] = (1, 3)
    seconds: float = 1.0
    stem: int = 16
    depth: int = 18
    dropout: float = 0.1
    eye: int = 192
    views: Clips = (4000, 200, 1)
    kinds: int = 64
    looks: int = 9
    downloaded: bool = False
    epochs: int = 12
    batch_size: int = 32
    lr: float = 1e-3
    warmup: float = 0.05
    steps: int | None = None
    tuning: int | None = None
    victims: int = 128
    fitting: int = 256
    fitting_batch: int = 16
    fits: int = 3
    released: tuple[int, int] = (128, 32)
    linear: int = 1500
    replicates: int = 1000
    seeds: int = 3
    umap: bool = True
    universes: int = 5
    crossed: bool = True


_TABLE = (
    # The smallest book at which every claim is still visible.
    Profile(
        "smoke",
        width=128,
        clips=(300, 60, 120),
        digits=(720, 60, 160),
        films=(360, 96, 120),
        dials=(30, 1, 60),
        classes=8,
        actions=8,
        events=(1, 2),
        views=(600, 80, 1),
        kinds=16,
        looks=5,
        epochs=8,
        batch_size=16,
        lr=2e-3,
        tuning=2,
        victims=32,
        fitting=32,
        fitting_batch=8,
        fits=2,
        released=(24, 12),
        replicates=300,
        seeds=1,
        umap=False,
        universes=2,
        crossed=False,
    ),
    # The default book: minutes on two cores.
    Profile(
        "laptop",
        width=128,
        clips=(4000, 300, 900),
        digits=(3000, 300, 900),
        films=(3000, 340, 900),
        epochs=6,
        batch_size=16,
        lr=2e-3,
        tuning=1,
        replicates=500,
        seeds=1,
        crossed=False,
    ),
    # The evidence: laptop's clips to train on, three trainings of everything, scored on twice as many clips.
    Profile(
        "full",
        width=128,
        clips=(4000, 600, 1800),
        digits=(3000, 600, 1800),
        films=(3000, 600, 1800),
        epochs=6,
        batch_size=16,
        lr=2e-3,
    ),
    # P1, section 5: sizes and recipe that suit two million clips, and learn little from a few thousand.
    Profile(
        "paper",
        width=1024,
        downloaded=True,
        clips=(20_000, 1000, 2000),
        digits=(6000, 600, 1800),
        films=(20_000, 1000, 2000),
        seconds=10.0,
        stem=64,
        depth=50,
        dropout=0.75,
        batch_size=300,
        lr=4e-4,
        warmup=1_000 / 25_000,
        fitting=512,
        steps=25_000,
    ),
)
_BY_NAME = {size.name: size for size in _TABLE}
NAMES = tuple(_BY_NAME)  # smallest first


def of(name: str) -> Profile:
    """The profile `name`.

    Raises
    ------
    AvlibError
        When there is none of that name.

    >>> of("smoke").width, of("paper").steps
    (128, 25000)
    """
    if name not in _BY_NAME:
        raise AvlibError(f"profile={name!r} is unknown: choose one of {', '.join(NAMES)}")
    return _BY_NAME[name]
