"""Train one stage: python scripts/train.py --config configs/stage1.py --workdir runs/a

--config and --workdir must be given. Any key of the config is an override: --config.data.root=DIR
--config.model.num_rrdb_blocks=8; --keys lists them, and configs/base.py says what they mean. Running the same command again
continues where the run stopped; SIGTERM saves first.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # a config imports configs.base

from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.signals import exit_on_signals


def main():
    from absl import app, flags

    from lpasrn_jax.commands import training_flags

    training_flags.define_config()
    training_flags.define_run()
    flags.adopt_module_key_flags(training_flags)  # --help shows them
    app.run(train, flags_parser=training_flags.parse_flags)


def train(_):
    from lpasrn_jax.commands import training_flags

    given = training_flags.FLAGS
    if given.keys:
        return training_flags.print_keys(given.config)
    with training_flags.started_run():
        from lpasrn_jax.training.loop import train_and_evaluate  # takes seconds: a mistake in the command is told before

        progress = train_and_evaluate(given.config, given.workdir, profile=given.profile)
    return training_flags.ended(progress["finished"], given.config)


if __name__ == "__main__":
    exit_on_signals()
    with one_line_errors():
        main()
