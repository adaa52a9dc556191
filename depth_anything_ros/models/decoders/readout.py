"""
The readout of the class token: every patch token is mixed with it.

Source: Ranftl et al., "Vision Transformers for Dense Prediction" (arXiv 2103.13413), 'project'.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Readout(nn.ModuleList):
    """
    Return GELU(W [token ; class] + b) for every patch token.

    The columns of W that read the class token see the same numbers for every patch, so that
    product is made once for an image: half of the multiplications. A layer with a hook, as one
    that rounds what it reads, is called as a whole.

    :param width: channels C of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__([nn.Linear(2 * width, width)])
        self._width = width

    def forward(self, tokens: Tensor, class_token: Tensor) -> Tensor:
        """Map patches (B, N, C) and class (B, C) to (B, N, C)."""
        if self[0]._forward_pre_hooks:
            everywhere = class_token.unsqueeze(1).expand(-1, tokens.shape[1], -1)
            return F.gelu(self[0](torch.cat((tokens, everywhere), dim=2)))
        weight, bias = self.get_parameter('0.weight'), self.get_parameter('0.bias')
        common = F.linear(class_token, weight[:, self._width :], bias)  # (B, C)
        mixed = F.linear(tokens, weight[:, : self._width]) + common.unsqueeze(1)
        return F.gelu(mixed)
