"""Noise for releases: whole numbers, drawn from the operating system's randomness, exact to a stated distance.

Floating-point noise betrays what it is added to: the sums that can come out differ with the input (Mironov 2012, "On
significance of the least significant bits for differential privacy"), and so do the least significant bits of Gaussian
samples (Haney et al. 2022, "Precision-based attacks and interval refining"). Here both sides are whole numbers. A query
whose answer is a whole number q gets ``round(Z)`` for a real Gaussian or Laplace variable Z. Because q is whole,
``q + round(Z)`` is ``round(q + Z)``: the ordinary mechanism, rounded afterwards, and rounding a release costs nothing.
So everything that is known of the ordinary mechanisms, subsampled and composed, holds to the last digit. What has to be
shown is only that ``round(Z)`` is drawn with its true probabilities.
"""

from casemate.privacy.dp.noise.box import box
from casemate.privacy.dp.noise.choice import choose
from casemate.privacy.dp.noise.direction import direction
from casemate.privacy.dp.noise.entropy import Entropy, SeededEntropy, SystemEntropy
from casemate.privacy.dp.noise.rounded import DISTANCE, gaussian, laplace

__all__ = ["DISTANCE", "Entropy", "SeededEntropy", "SystemEntropy", "box", "choose", "direction", "gaussian", "laplace"]
