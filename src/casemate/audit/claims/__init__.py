"""What a private model's certificate claims: signed, found beside the model, checked, and attacked.

said        what it says
statement   the signed statement: written, found, and what speaks against believing it
promises    the tolerances that it brings with it
accounting  the assessment ``privacy.certificate``: what is claimed, where the statement counts
bound       the assessment ``privacy.bound``: whether an attack shows more than that
canaries    records put in by lot, in one training more by the same recipe
"""
