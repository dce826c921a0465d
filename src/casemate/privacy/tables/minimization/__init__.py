"""Data minimization: which columns, and how much of their precision, a model needs for its accuracy.

minimizer  Minimizer: the front door
result     Minimized: what is needed of each column, judged on held-out records
below: ladders (ways to say less of a column), search (what to coarsen next)
"""

from casemate.privacy.tables.minimization.minimizer import Minimizer
from casemate.privacy.tables.minimization.result import Minimized, Need

__all__ = ["Minimized", "Minimizer", "Need"]
