"""The Python in a model card: an audio window in; code that obeys it, with transformers and soundfile alone, out."""

from raytrain.config.baseline import Audio

_FITTED = '''\
def transcribe_window(clip):
    """The encoder hears the clip and a little silence, not 30 s: two integers tell it the length, for this call."""
    seconds = min({max_window_s}, {step_s} * math.ceil((len(clip) / 16_000 + {margin_s}) / {step_s} - 1e-6))
    positions = math.ceil(50 * seconds - 1e-6)
    mel = processor.feature_extractor(clip, sampling_rate=16_000, max_length=320 * positions, return_tensors="pt")
    encoder = model.get_encoder()
    try:
        encoder.config.max_source_positions = encoder.embed_positions.num_embeddings = positions
        with torch.no_grad():
            tokens = model.generate(mel.input_features)
    finally:  # as published: save_pretrained needs it so
        encoder.config.max_source_positions = encoder.embed_positions.num_embeddings = 1500
    return processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
'''

_FULL = '''\
def transcribe_window(clip):
    """The encoder hears 30 s: the clip, and silence after it."""
    mel = processor.feature_extractor(clip, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        tokens = model.generate(mel.input_features)
    return processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
'''

_CODE = '''\
import math

import soundfile
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor, logging

logging.set_verbosity_error()  # or generate() tells of its settings at every call
FOLDER = "."  # this folder, or its name on a hub
processor = WhisperProcessor.from_pretrained(FOLDER)
model = WhisperForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32).eval()


def transcribe(clip):
    """The words of a clip: float32 samples, mono, 16 kHz. A clip too long for one window is cut into equal parts."""
    parts = max(1, math.ceil(len(clip) / 16_000 / {max_window_s}))
    cuts = [len(clip) * part // parts for part in range(parts + 1)]
    texts = [transcribe_window(clip[start:end]) for start, end in zip(cuts, cuts[1:])]
    return " ".join(text for text in texts if text)


{transcribe_window}

clip, sample_rate = soundfile.read("clip.flac", dtype="float32")
print(transcribe(clip))
'''


def loading_code(window: Audio) -> str:
    """Runs as it stands, in the model's folder, beside a clip.flac."""
    numbers = {"max_window_s": window.max_window_s, "step_s": window.step_s, "margin_s": window.margin_s}
    template = _FITTED if window.window == "fitted" else _FULL
    return _CODE.format(transcribe_window=template.format(**numbers), **numbers)
