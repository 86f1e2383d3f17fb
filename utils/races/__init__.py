"""Races: the lessons' models against the same models in PyTorch and Keras, timed so that the figures can be believed.

    python -m utils race                       # those that fit this machine, with what is installed
    python -m utils race resnet18 --rounds 5   # one of them, longer

`catalogue` says what is raced; `entrants_jax`, `entrants_torch` and `entrants_keras` build each framework's model and
training step; `run` times one of them in a process of its own; `turns` lets them take turns and stores every run in
ressources/races; `stored` reads that back, `report` says and draws what it shows; `breakdown` cuts one of JAX's
training steps into its parts.

JAX's models are those of the lessons. PyTorch and timm are an extra (`.venv/bin/python -m pip install torch timm`);
what is not installed is left out.
"""
