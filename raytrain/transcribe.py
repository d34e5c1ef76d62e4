"""python -m raytrain.transcribe: what a run or a model hears in sound files, as text, JSON lines or subtitles."""
