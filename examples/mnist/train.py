"""Train a network on MNIST the way a practitioner would, and write it with the data that casemate audits it on.

Usage: python examples/mnist/train.py [MNIST_FOLDER] [FOLDER] [TRAINING_IMAGES]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from network import build

from casemate.data.images import read_images

EPOCHS, BATCH = 3, 128


def main(source: str = ".data/mnist", folder: str = "examples/mnist", most: str = "60000") -> None:
    """Train, and save weights and data as ``.npz`` files, which hold arrays and no code."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, test = read_images(Path(source), "train").first(int(most)), read_images(Path(source), "test")
    x, y = torch.from_numpy(train.pixels), torch.from_numpy(train.labels)
    module = build()
    adam = torch.optim.Adam(module.parameters(), lr=1e-3)
    for epoch in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(module(x[part]), y[part])
            adam.zero_grad()
            loss.backward()
            adam.step()
        with torch.no_grad():
            right = (module(torch.from_numpy(test.pixels)).argmax(1).numpy() == test.labels).mean()
        print(f"epoch {epoch + 1}: {right:.2%} of {len(test):,} test images right", flush=True)
    place = Path(folder)
    for name in ("model", "data"):
        (place / name).mkdir(parents=True, exist_ok=True)
    np.savez(place / "model" / "cnn.npz", **{name: each.numpy() for name, each in module.state_dict().items()})
    for name, images in (("train", train), ("holdout", test)):
        pixels = (images.pixels * 255).round().astype(np.uint8)
        np.savez_compressed(place / "data" / f"{name}.npz", inputs=pixels, labels=images.labels)


if __name__ == "__main__":
    main(*sys.argv[1:])
