"""What the tagger of names is trained on."""
