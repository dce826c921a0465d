"""Erasure: a model made of shards, from which a subject is removed by training again what it touched, with evidence.

sharded    ShardedClassifier: the front door
subjects   SubjectKey: commitments to subjects, and which shard each belongs to
removal    Removal: what a removal cost, and what shows that it happened
manifests  digests of rows, shards and models
influence  what a removal means for a model trained with differential privacy: a bound, no deletion
"""

from casemate.privacy.erasure.influence import Influence
from casemate.privacy.erasure.removal import Removal, ShardChange
from casemate.privacy.erasure.sharded import ShardedClassifier
from casemate.privacy.erasure.subjects import SubjectKey

__all__ = ["Influence", "Removal", "ShardChange", "ShardedClassifier", "SubjectKey"]
