"""Which columns the purpose allows, which a model uses all the same, and which it would do without.

section    the ``[purpose]`` section of a configuration
declared   the two assessments as static data
limits     what a model uses that the purpose does not allow
needs      what a model needs of each column
"""
