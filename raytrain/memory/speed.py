"""What a card sustains in training: its name as nvidia-smi has it in; TFLOP/s out, where its data sheet is known."""

from collections.abc import Sequence

SUSTAINED_SHARE = 1 / 3
"""Of the data sheet's dense half-precision figure: what trainings of Whisper's sizes come to, roughly."""
_DENSE_TFLOPS = {
    "H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L40": 181, "L4": 121, "A40": 150,
    "A10G": 70, "A10": 125, "T4": 65, "V100": 125, "RTX 6000 Ada": 364, "RTX A6000": 155, "RTX A5000": 111,
    "RTX A4000": 77, "RTX 4090": 165, "RTX 4080": 97, "RTX 4070": 58, "RTX 3090": 71, "RTX 3080": 59, "RTX 3070": 41,
    "RTX 3060": 26, "RTX 2080 Ti": 54,
}  # fmt: skip
"""NVIDIA's data sheets: half precision on tensor cores, sums kept in float32, without sparsity. A name that holds
another stands before it."""


def data_sheet_tflops(cards: Sequence[str]) -> float | None:
    """The slowest card's figure, by the names of all cards; None where one is not known, or there is none."""
    found = [next((speed for name, speed in _DENSE_TFLOPS.items() if name in card), None) for card in cards]
    known = [speed for speed in found if speed is not None]
    return float(min(known)) if known and len(known) == len(found) else None
