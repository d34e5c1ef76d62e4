"""What is drawn at random in a run: one number for each purpose. Together with training.seed it keys a generator."""

from enum import IntEnum


class RandomStream(IntEnum):
    """Streams of training.seed: each is drawn independently of the others, so that more draws in one move no other.

    A generator is seeded with [training.seed, stream, key ...]. The key, such as the step, makes every draw a function
    of its place in the run, which a resumed run repeats. Numbers never change: they are what makes old runs repeatable.
    """

    ORDER = 0
    """The order of the utterances, keyed by epoch."""
    EXTRA_WINDOW = 1
    """The random extra audio window of an effective batch, keyed by step."""
    SPEC_AUGMENT = 2
    """Masks in the log-mel, keyed by step and utterance."""
    DROPOUT = 3
    """Units dropped, keyed by step, worker and micro-batch."""
    SCORED = 4
    """The utterances that evaluations score where they do not score all, for the whole run."""
    REPEATS = 5
    """The order in which the clips of a source take turns at being heard once more, keyed by the source's number."""
    WAVEFORM = 6
    """Which changes are made to a clip's sound and how strong they are, keyed by step and utterance."""
    NOISE = 7
    """The noise that is added to a clip, keyed by step and utterance."""
    BABBLE = 8
    """The clips that talk over another, and from where in each, keyed by step and utterance."""
