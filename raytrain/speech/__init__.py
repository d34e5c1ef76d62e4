"""Recordings and transcripts: manifests, audio, features, batches, scoring. Knows no Ray."""
