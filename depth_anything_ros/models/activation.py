"""The range of the numbers that a layer reads, where it rounds them to 8 bits."""

from __future__ import annotations

from typing import Literal, TypeAlias

DYNAMIC: Literal['dynamic'] = 'dynamic'
ActivationRange: TypeAlias = 'tuple[float, float] | Literal["dynamic"]'
"""The least and the greatest number that a layer reads, or DYNAMIC: found for every image."""
