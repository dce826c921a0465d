"""What stands in the place of what was found: one small class each, called with a stretch and its span.

labels             the type, or stars                    generalize         less of it: a year, a network, a region
numbers            ``[PERSON_1]``                         dates              moved by days of each person's own
keyed              pseudonyms by HMAC-SHA-256            surrogates         realistic, from ranges that nobody has
format_preserving  FF1: digits stay digits               base               what an operator can also say and keep

What comes back with a key, or is the same for the same person, is pseudonymized (GDPR article 4(5)), not anonymous.
"""
