"""Statements beside a bundle: who trained a model from what, what scans said, which bill of materials describes it.

attestation  signed statements about one manifest, in canonical form     scanned   scan verdicts
training     SLSA provenance of a training run                           about     what the owner declares
compose      everything that is said when a model is sealed
"""
