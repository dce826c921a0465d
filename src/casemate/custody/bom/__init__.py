"""Bills of materials, filled from what was measured or declared, and from nothing else.

facts      what is known about a model, and the gaps              packages   lock files and environments
results    figures of an audit's results.json                     licenses   SPDX expressions
cyclonedx  CycloneDX 1.6 and 1.7                                  spdx       SPDX 3.0.1, profiles AI and Dataset
"""
