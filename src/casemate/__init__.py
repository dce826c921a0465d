"""casemate attacks an AI system, measures what gets through, defends it, attacks again and keeps signed proof.

Importing this package loads nothing else; each room is imported by name, for example
``from casemate.threats.inversion import membership``.
"""

__version__ = "0.1.0"
