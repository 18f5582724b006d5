"""Train one stage: python scripts/train.py --config configs/stage1.py --workdir runs/a

Any key of the config is an override: --config.data.root=DIR --config.model.num_rrdb_blocks=8. Running the same command
again continues where the run stopped; SIGTERM saves first.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # a config imports configs.base

from absl import app, flags, logging

from lpasrn_jax import runtime
from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.training.command_line import define_config, parse_flags
from lpasrn_jax.training.loop import train_and_evaluate

FLAGS = flags.FLAGS
define_config()
flags.DEFINE_string("workdir", None, "Folder of the run: checkpoints, events, the best model.")
flags.DEFINE_bool("tensorboard", True, "Show the run in TensorBoard while it lasts.")
flags.DEFINE_integer("tensorboard_port", 6007, "Its port; the next free one if that is taken.")
flags.DEFINE_string("coordinator", "", "host:port of process 0 of a job; Slurm and Kubernetes need no flag.")
flags.DEFINE_integer("num_processes", 0, "Number of processes of the job, with --coordinator.")
flags.DEFINE_integer("process_id", -1, "This process's number in the job, with --coordinator.")
flags.mark_flag_as_required("workdir")


def main(_):
    logging.set_verbosity(logging.WARNING)  # the metrics are in the progress bar and in TensorBoard
    runtime.initialize_distributed(FLAGS.coordinator, FLAGS.num_processes, FLAGS.process_id)
    runtime.enable_compilation_cache()
    train_and_evaluate(FLAGS.config, FLAGS.workdir, tensorboard_port=FLAGS.tensorboard_port if FLAGS.tensorboard else None)


if __name__ == "__main__":
    with one_line_errors():
        app.run(main, flags_parser=parse_flags)
