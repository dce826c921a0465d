"""Formats of networks and their graphs: HDF5, Keras, protocol buffers, flat buffers."""

from __future__ import annotations

from casemate.threats.supply_chain.format import Format

GRAPHS: tuple[Format, ...] = ()
