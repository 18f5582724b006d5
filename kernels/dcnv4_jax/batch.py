"""What a foreign call lacks: `vmap`, and splitting over devices along the batch under `jit` with shardings."""

import math

import jax
import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

FORWARD_RULE = "n h w c, n p q m -> n p q c"
BACKWARD_RULE = "n h w c, n p q m, n p q c -> n h w c, n p q m"


def along_batch(function, sharding_rule: str):
    """`function` of arrays [n, ...], independent along n, made fit for `vmap` and for sharded operands.

    `vmap` folds the mapped axis into n, so that it stays one call. Each device gets its part of n and the rest whole;
    `sharding_rule` names the dimensions as `custom_partitioning` wants them, with n first everywhere.
    """
    return _fold_mapped_axis(_split_over_devices(function, sharding_rule))


def _split_over_devices(function, sharding_rule: str):
    split = custom_partitioning(function)

    def shardings(mesh, operands, results):
        spec = operands[0].sharding.spec
        by_batch = NamedSharding(mesh, PartitionSpec(spec[0] if len(spec) else None))
        return jax.tree.map(lambda _: by_batch, results), tuple(by_batch for _ in operands)

    def partition(mesh, operands, results):
        return mesh, function, *shardings(mesh, operands, results)

    names = dict.fromkeys(sharding_rule.replace(",", " ").replace("->", " ").split())  # in order of appearance, as Shardy asks
    split.def_partition(
        partition=partition,
        infer_sharding_from_operands=lambda mesh, operands, results: shardings(mesh, operands, results)[0],
        sharding_rule=sharding_rule,
        need_replication_factors=tuple(name for name in names if name != "n"),
    )
    return split


def _fold_mapped_axis(function):
    folded = jax.custom_batching.custom_vmap(function)

    @folded.def_vmap
    def rule(axis_size, in_batched, *arrays):
        arrays = [
            array if batched else jnp.broadcast_to(array, (axis_size, *array.shape))
            for array, batched in zip(arrays, in_batched, strict=True)
        ]
        results = folded(*(array.reshape(math.prod(array.shape[:2]), *array.shape[2:]) for array in arrays))
        n = arrays[0].shape[1]
        results = jax.tree.map(lambda result: result.reshape(axis_size, n, *result.shape[1:]), results)
        return results, jax.tree.map(lambda _: True, results)

    return folded
