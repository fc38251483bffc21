"""A transformer of wav2vec 2.0 base's size in PyTorch, random weights: its cost, not its answers.

``python -m intone_bench.peers.transformer AUDIO``. Bare calls: no network, no voice activity.
Sizes are those of A. Baevski et al., "wav2vec 2.0", 2020, section 4.2: 95 million parameters.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from intone.types import FloatArray
from intone_bench.peers.audio import Audio, read_audio
from intone_bench.peers.cost import Cost, tell, utterance_cost

_CHANNELS = 512
_KERNELS = (10, 3, 3, 3, 3, 2, 2)
_STRIDES = (5, 2, 2, 2, 2, 2, 2)
_WIDTH, _HEADS, _LAYERS, _INNER = 768, 12, 12, 3_072
_POSITIONS, _GROUPS = 128, 16
_EMOTIONS = 8
_MOST = 12
"""Half a second each."""


class Network(nn.Module):  # type: ignore[misc]
    """Samples (1, n) to logits (1, 8)."""

    def __init__(self) -> None:
        super().__init__()
        convolutions: list[nn.Module] = []
        inputs = 1
        for kernel, stride in zip(_KERNELS, _STRIDES, strict=True):
            convolutions += [nn.Conv1d(inputs, _CHANNELS, kernel, stride, bias=False), nn.GELU()]
            inputs = _CHANNELS
        self.encoder = nn.Sequential(*convolutions)
        self.project = nn.Sequential(nn.LayerNorm(_CHANNELS), nn.Linear(_CHANNELS, _WIDTH))
        self.positions = nn.Conv1d(
            _WIDTH, _WIDTH, _POSITIONS, padding=_POSITIONS // 2, groups=_GROUPS
        )
        layer = nn.TransformerEncoderLayer(
            _WIDTH, _HEADS, _INNER, activation="gelu", batch_first=True
        )
        self.context = nn.TransformerEncoder(layer, _LAYERS)
        self.answer = nn.Linear(_WIDTH, _EMOTIONS)

    def forward(self, samples: Tensor) -> Tensor:
        """Answer."""
        hidden = self.project(self.encoder(samples[:, None]).transpose(1, 2))
        placed = self.positions(hidden.transpose(1, 2))[:, :, : hidden.shape[1]]
        hidden = self.context(hidden + nn.functional.gelu(placed).transpose(1, 2))
        logits: Tensor = self.answer(hidden.mean(dim=1))
        return logits


def measure(audio: Audio) -> Cost:
    """Time it."""
    torch.set_num_threads(1)
    network = Network().eval()

    def answer(utterance: FloatArray) -> None:
        with torch.inference_mode():
            network(torch.from_numpy(utterance)[None])

    millions = sum(weights.numel() for weights in network.parameters()) / 1e6
    note = f"{millions:.0f} million weights; no network, no voice activity"
    return utterance_cost(answer, audio, _MOST, note)


if __name__ == "__main__":
    tell(measure(read_audio(Path(sys.argv[1]))))
