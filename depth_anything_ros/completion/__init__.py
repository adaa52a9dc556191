"""The holes of a depth sensor filled: measured depth and that of a network in one image."""

from __future__ import annotations

from depth_anything_ros.completion.config import CompletionConfig
from depth_anything_ros.completion.fusion import DEFAULT_REFUSAL, fuse

__all__ = ['DEFAULT_REFUSAL', 'CompletionConfig', 'fuse']
