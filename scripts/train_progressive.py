"""Train the stages one after the other: python scripts/train_progressive.py --stage all

--stage must be given: 2 trains one of them, all+track the guide's five and then the one that makes one image of a track.
--preset quick is the size for two CPU cores, --preset lp_asrn.yaml reads a file of the guide's form, here or in configs/. Any key
of the config is an override, for each stage alike: --config.data.root=DIR; --keys lists them, and configs/base.py says what they
mean. The same command again continues.
"""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))  # a config imports configs.base

from lpasrn_jax.errors import one_line_errors
from lpasrn_jax.signals import exit_on_signals

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
STAGES = ("0", "1", "2", "3", "4")  # the guide's
TRACK = "track"


def main():
    from absl import app, flags

    from lpasrn_jax.commands import training_flags

    flags.DEFINE_enum("stage", None, [*STAGES, TRACK, "all", f"all+{TRACK}"], "The stage, or all of them.", required=True)
    flags.DEFINE_string("preset", "", "quick, or a YAML file of the guide's form; nothing for the guide's own sizes.")
    training_flags.define_run(workdir="runs/lp_asrn")
    flags.adopt_module_key_flags(training_flags)  # --help shows them

    def parse(argv):
        """The flags, and the overrides, which each stage's config takes."""
        own, overrides = training_flags.split_overrides(argv)
        return [*training_flags.parse_flags(own), *overrides]

    app.run(train, flags_parser=parse)


def train(argv):
    from lpasrn_jax.commands import training_flags

    given = training_flags.FLAGS
    preset = f":{given.preset}" if given.preset else ""
    stages = {"all": STAGES, f"all+{TRACK}": (*STAGES, TRACK)}.get(given.stage, (given.stage,))
    files = [f"{CONFIGS}/{stage if stage == TRACK else f'stage{stage}'}.py{preset}" for stage in stages]
    configs = [training_flags.load_config(file, argv[1:]) for file in files]
    if given.keys:
        return training_flags.print_keys(configs[0])
    with training_flags.started_run():
        from lpasrn_jax.training.loop import train_and_evaluate  # takes seconds: a mistake in the command is told before

        for config in configs:
            progress = train_and_evaluate(config, given.workdir, profile=given.profile)
            if progress["stopped"]:
                break
    return training_flags.ended(progress["finished"] and config is configs[-1], config)


if __name__ == "__main__":
    exit_on_signals()
    with one_line_errors():
        main()
