"""Differentially private synthetic tables: noisy marginals, a model that fits them, records drawn from it.

table       SyntheticTable: fit a table, sample others
attributes  Categories, Numbers, Dates: what a column can hold, said beforehand
choosing    which marginals are measured: MST, AIM
meter       each question is paid for before it is answered
below: grouping (few records are joined), model (inference), tree (junction trees), sampling
"""

from casemate.privacy.dp.synthetic.attributes import Categories, Dates, Numbers
from casemate.privacy.dp.synthetic.table import SyntheticTable

__all__ = ["Categories", "Dates", "Numbers", "SyntheticTable"]
