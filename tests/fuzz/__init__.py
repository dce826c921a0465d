"""Fuzz targets: ``fuzz_NAME.py`` with ``one_input(data)``, run by ``make fuzz`` (tools/fuzz.py), minutes each.

A target swallows what its parser may raise; whatever else comes out is a crash. It may also define ``seeds()``, benign
bytes to start from, and ``MINUTES``, how long ``make fuzz`` runs it.
"""
