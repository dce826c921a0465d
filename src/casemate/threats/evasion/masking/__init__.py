"""Can the attack be trusted? Signs that a model hides its gradients instead of being robust.

A figure of robust accuracy is the failure of an attack. These signs tell whether it failed because there was nothing to
find or because it was blinded. They see the target and nothing of how it is defended. What a blinded attack leaves
standing is no evidence: the verdict is then MASKED, whatever the figure, the cause is named, and the attacks that the
cause does not blind are run. Robust accuracy is the least over all of them.

References:
    Athalye, Carlini and Wagner 2018, "Obfuscated gradients give a false sense of security", section 3.1;
    Carlini et al. 2019, "On evaluating adversarial robustness", sections 4 and 5;
    Pintor et al. 2022, "Indicators of attack failure".
"""

from casemate.threats.evasion.masking.examination import examine
from casemate.threats.evasion.masking.signs import Sign, Trust

__all__ = ["Sign", "Trust", "examine"]
