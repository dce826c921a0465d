"""One room a threat: each holds its attacks, its detection and its defenses. Rooms never import each other."""
