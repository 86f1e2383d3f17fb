"""What the course's notebooks share: data pipelines, checks, plots, and the commands behind `make`.

Importing this package imports nothing else: `from utils import data` costs no TensorFlow and no JAX.
"""
