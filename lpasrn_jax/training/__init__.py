"""Stages of training, from a config to checkpoints."""

import os

# clu's metric writers import TensorFlow, which talks on stderr at every start unless it is told not to before.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
