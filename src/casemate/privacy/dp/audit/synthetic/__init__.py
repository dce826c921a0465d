"""Attacks on synthetic tables: what they tell about the people in the private one.

membership  attack: a game of coins, several adversaries, and the bound that a certificate sets them
scores      adversaries: ClosestRecord, DensityRatio (DOMIAS), MarginalRatio
singling    single_out: predicates that point at one person
below: records (tables in one space)
"""

from casemate.privacy.dp.audit.synthetic.membership import Membership, attack
from casemate.privacy.dp.audit.synthetic.scores import ClosestRecord, DensityRatio, MarginalRatio
from casemate.privacy.dp.audit.synthetic.singling import Singling, single_out

__all__ = ["ClosestRecord", "DensityRatio", "MarginalRatio", "Membership", "Singling", "attack", "single_out"]
