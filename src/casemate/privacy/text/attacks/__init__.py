"""Attacks on redacted documents: what a reader, a list, frequencies and what is left tell about whom."""

from casemate.privacy.text.attacks.dictionary import dictionary
from casemate.privacy.text.attacks.frequency import frequency
from casemate.privacy.text.attacks.outcome import Attacked
from casemate.privacy.text.attacks.readable import readable
from casemate.privacy.text.attacks.remaining import remaining

__all__ = ["Attacked", "dictionary", "frequency", "readable", "remaining"]
