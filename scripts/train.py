"""Train one stage: python scripts/train.py --config configs/stage1.py --workdir runs/a

Any key of the config is an override: --config.data.root=DIR --config.model.num_rrdb_blocks=8. Running the same command
again continues where the run stopped; SIGTERM saves first.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # a config imports configs.base

from absl import app, flags

from lpasrn_jax.commands import training_flags
from lpasrn_jax.errors import one_line_errors

FLAGS = flags.FLAGS
training_flags.define_config()
training_flags.define_run()
flags.adopt_module_key_flags(training_flags)  # --help shows them


def main(_):
    port = training_flags.start_run()
    from lpasrn_jax.training.loop import train_and_evaluate  # takes seconds: a mistake in the command is told before

    train_and_evaluate(FLAGS.config, FLAGS.workdir, tensorboard_port=port)


if __name__ == "__main__":
    with one_line_errors():
        app.run(main, flags_parser=training_flags.parse_flags)
