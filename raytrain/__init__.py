"""raytrain: hyper-parameter search on Ray Tune for fine-tuning Whisper on children's speech."""

__version__ = "0.1.0"
