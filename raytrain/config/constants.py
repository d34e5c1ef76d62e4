"""Numbers and names that several rooms must agree on."""

GIB = 2**30
"""Bytes of a GiB, in which all memory and disk space is counted."""
FLOAT_BYTES = 4
"""Bytes of a float32: weights as they are kept, gradients, optimizer moments and the stream between layers, always."""

FRAMES_PER_SECOND = 100
"""Frames of Whisper's log-mel in a second of sound."""
FULL_WINDOW_S = 30.0
"""Seconds of sound that Whisper's encoder was made for: its full audio window, and the longest there is."""

AGE_BUCKETS = ("3-4", "5-7", "8-11", "12+", "unknown")
"""The age buckets in which word error rates are counted; any other is counted as the last."""
