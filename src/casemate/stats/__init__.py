"""Intervals, tests, power and curves that keep their promise with few observations and rare events.

Which one for what:

    one proportion, independent trials          clopper_pearson
    one proportion, clustered trials            clustered_proportion
    change of a proportion, same inputs         paired_difference, mcnemar
    change of a proportion, other inputs        difference
    a figure in [0, 1] over many target models  replicates
    other means, paired differences of figures  t_interval, clustered_mean
    area under the ROC curve, its change        auc, auc_difference
    TPR at a promised FPR, its change           tpr_at_fpr, tpr_at_fpr_difference
    a proportion seen through a faulty detector detected_proportion
    anything else, with enough events           paired_bootstrap
    how many trials; what could have been seen  trials_needed, detectable, pairs_needed, mcnemar_power
    many tests at once                          holm
"""

from casemate.stats.bootstrap import paired_bootstrap
from casemate.stats.clustered import by_cluster, clustered_bounds, clustered_mean, clustered_proportion
from casemate.stats.curves import ROC, auc, auc_bounds, auc_difference, auc_difference_bounds, roc
from casemate.stats.detectors import detected_proportion
from casemate.stats.differences import difference, difference_bounds, mover, newcombe, newcombe_bounds
from casemate.stats.estimate import Estimate
from casemate.stats.korn_graubard import korn_graubard, korn_graubard_bounds
from casemate.stats.means import replicates, replicates_bounds, t_interval
from casemate.stats.multiplicity import holm
from casemate.stats.operating_point import tpr_at_fpr, tpr_at_fpr_bounds
from casemate.stats.paired import (
    mcnemar,
    mcnemar_midp,
    newcombe_paired,
    newcombe_paired_bounds,
    paired_difference,
    paired_difference_bounds,
)
from casemate.stats.power import Detectable, detectable, mcnemar_power, pairs_needed, settling_power, trials_needed
from casemate.stats.proportions import clopper_pearson, clopper_pearson_bounds, wilson, wilson_bounds
from casemate.stats.tpr_difference import tpr_at_fpr_difference, tpr_at_fpr_difference_bounds

__all__ = [
    "ROC",
    "Detectable",
    "Estimate",
    "auc",
    "auc_bounds",
    "auc_difference",
    "auc_difference_bounds",
    "by_cluster",
    "clopper_pearson",
    "clopper_pearson_bounds",
    "clustered_bounds",
    "clustered_mean",
    "clustered_proportion",
    "detectable",
    "detected_proportion",
    "difference",
    "difference_bounds",
    "holm",
    "korn_graubard",
    "korn_graubard_bounds",
    "mcnemar",
    "mcnemar_midp",
    "mcnemar_power",
    "mover",
    "newcombe",
    "newcombe_bounds",
    "newcombe_paired",
    "newcombe_paired_bounds",
    "paired_bootstrap",
    "paired_difference",
    "paired_difference_bounds",
    "pairs_needed",
    "replicates",
    "replicates_bounds",
    "roc",
    "settling_power",
    "t_interval",
    "tpr_at_fpr",
    "tpr_at_fpr_bounds",
    "tpr_at_fpr_difference",
    "tpr_at_fpr_difference_bounds",
    "trials_needed",
    "wilson",
    "wilson_bounds",
]
