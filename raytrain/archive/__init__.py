"""Runs that are over and kept: moved whole under archive/, with the sha256 of every file, and moved back. No torch."""

from raytrain.archive.summaries import summary

__all__ = ["summary"]
