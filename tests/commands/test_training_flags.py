"""What a training command says of the next one, and of the keys of its config."""

import pytest

from lpasrn_jax.commands.training_flags import following_command, load_config, print_keys

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it

EVALUATION = "python scripts/evaluate.py --checkpoint 'my run/best' --data-root data/train --split=val"


@pytest.mark.parametrize(("argv", "following"), [
    (["scripts/train_progressive.py", "--stage=2", "--preset", "quick"],
     "python scripts/train_progressive.py --stage=3 --preset quick"),
    (["scripts/train_progressive.py", "--stage", "0", "--config.seed", "1"],
     "python scripts/train_progressive.py --stage 1 --config.seed 1"),
    (["scripts/train.py", "--config=configs/stage1.py:quick", "--workdir=runs/stage1.py"],
     "python scripts/train.py --config=configs/stage2.py:quick --workdir=runs/stage1.py"),
    (["scripts/train_progressive.py", "--stage=4"], EVALUATION),
    (["scripts/train_progressive.py", "--stage=all"], EVALUATION),
    (["scripts/train.py", "--config=configs/ocr_on_lr.py"], EVALUATION),
])  # fmt: skip
def test_the_command_of_the_next_stage_or_the_evaluation(argv, following):
    assert following_command(argv, "my run", "data/train") == following


def test_every_key_is_listed_as_the_override_that_changes_nothing(capsys):
    config = load_config("configs/stage4.py", [])
    print_keys(config)
    lines = capsys.readouterr().out.splitlines()
    assert "--config.model.num_rrdb_blocks=12" in lines
    assert "--config.stage.hard_mining.difficulty_alpha=2.0" in lines
    assert "'--config.data.lr_size=(24, 72)'" in lines
