"""Training: recipes, the loop, the cache of trained models, and the one evaluation loop."""

from avlib.training.cache import trained
from avlib.training.dissimilar import Dissimilar
from avlib.training.loop import train
from avlib.training.modulated import Modulated
from avlib.training.predict import predict
from avlib.training.recipe import Recipe

__all__ = ["Dissimilar", "Modulated", "Recipe", "predict", "train", "trained"]
