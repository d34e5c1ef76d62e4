"""What cards can do at most: a name as CUDA tells it in, dense half-precision TFLOP/s out. From NVIDIA's data sheets.

With float32 accumulation and without sparsity: what a training step's matrix products could reach.
"""

_TFLOPS = (
    ("B200", 2250.0),
    ("H200", 989.4),
    ("H100 NVL", 835.5),
    ("H100 PCIe", 756.5),
    ("H100", 989.4),
    ("H800", 989.4),
    ("A100", 312.0),
    ("A800", 312.0),
    ("A40", 149.7),
    ("A30", 165.0),
    ("A10G", 70.0),
    ("A10", 125.0),
    ("L40S", 362.1),
    ("L40", 181.0),
    ("L4", 121.0),
    ("V100", 125.0),
    ("T4", 65.0),
    ("RTX 6000 Ada", 364.2),
    ("RTX A6000", 154.8),
    ("RTX 4090", 165.2),
    ("RTX 4080", 97.5),
    ("RTX 3090", 71.0),
    ("RTX 3080", 59.5),
    ("RTX 3070", 40.6),
)
"""The longer of two names that fit comes first."""


def peak_tflops(card: str) -> float | None:
    """The card's dense half-precision TFLOP/s; None for a card that is not on the list."""
    words = card.replace("-", " ").split()
    for name, tflops in _TFLOPS:
        wanted = name.split()
        if any(words[start : start + len(wanted)] == wanted for start in range(len(words))):
            return tflops
    return None
