"""avlib: models, attacks and metrics for the adversarial robustness of audio-visual learning."""

__version__ = "0.1.0"
