"""Models that tag clips: a branch for each modality behind `encode`, a head behind `classify`."""

from avlib.models.crnn import CRNN
from avlib.models.csn import CSN
from avlib.models.linear import LinearTagger, fit_linear
from avlib.models.pooling import POOLINGS, Frames, Head, log_weights, pool
from avlib.models.r2plus1d import ClipEncoder, R2Plus1D, read_r2plus1d
from avlib.models.resnet import ResNet
from avlib.models.sizes import sized
from avlib.models.statistics import StatisticsTagger, fit_statistics
from avlib.models.tagger import Branch, Tagger
from avlib.models.video import PixelTagger, VideoTagger, WindowEncoder, WindowTagger

__all__ = [
    "CRNN",
    "CSN",
    "POOLINGS",
    "Branch",
    "ClipEncoder",
    "Frames",
    "Head",
    "LinearTagger",
    "PixelTagger",
    "R2Plus1D",
    "ResNet",
    "StatisticsTagger",
    "Tagger",
    "VideoTagger",
    "WindowEncoder",
    "WindowTagger",
    "fit_linear",
    "fit_statistics",
    "log_weights",
    "pool",
    "read_r2plus1d",
    "sized",
]
