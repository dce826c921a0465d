"""The load guard, the one place where casemate loads a model: read once, scan those bytes, load those bytes."""
