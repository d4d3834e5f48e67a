"""Jupyter and IPython: magics, and how objects are shown. ``%load_ext v8snap`` loads the magics."""
