"""Models that tag clips: logits for every class, behind `encode` and `classify`."""

from avlib.models.crnn import CRNN
from avlib.models.csn import CSN
from avlib.models.linear import LinearTagger, fit_linear
from avlib.models.pooling import POOLINGS, Frames, Head, log_weights, pool
from avlib.models.resnet import ResNet
from avlib.models.sizes import sized
from avlib.models.tagger import AudioTagger

__all__ = [
    "CRNN",
    "CSN",
    "POOLINGS",
    "AudioTagger",
    "Frames",
    "Head",
    "LinearTagger",
    "ResNet",
    "fit_linear",
    "log_weights",
    "pool",
    "sized",
]
