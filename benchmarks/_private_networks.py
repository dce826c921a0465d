"""The networks of the private training benchmarks and random samples for them; peers' environments import it too."""

import torch
from torch import nn


class Block(nn.Module):
    """Embedding, one transformer block of linear layers and layer norms, and a head: width 128, 64 places."""

    def __init__(self, words: int = 1000, width: int = 128, heads: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.heads = heads
        self.words = nn.Embedding(words, width)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, places) words to (n, classes) scores."""
        x = self.words(x)
        n, places, width = x.shape
        seen = self.before(x)
        query, key, value = (
            layer(seen).reshape(n, places, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, places, width))
        return self.head((x + self.down(nn.functional.gelu(self.up(self.after(x))))).mean(1))


def network(name: str) -> nn.Module:
    """One of them, with the weights that torch's generator gives."""
    if name == "MLP":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
        )
    if name.endswith("CNN"):
        bend = nn.Tanh if name == "tanh CNN" else nn.ReLU
        return nn.Sequential(
            nn.Conv2d(1, 16, 8, 2, padding=3),
            bend(),
            nn.MaxPool2d(2, 1),
            nn.Conv2d(16, 32, 4, 2),
            bend(),
            nn.MaxPool2d(2, 1),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 32),
            bend(),
            nn.Linear(32, 10),
        )
    return Block()


def samples(name: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random samples and labels."""
    draw = torch.Generator().manual_seed(1)
    y = torch.randint(10, (count,), generator=draw)
    if name == "block":
        return torch.randint(1000, (count, 64), generator=draw), y
    return torch.rand(count, 1, 28, 28, generator=draw), y
