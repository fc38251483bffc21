"""How TensorFlow trains one network on one core."""

from __future__ import annotations

from pathlib import Path

_NATIVE = frozenset({"avx512_bf16", "amx_bf16"})
"""Names Linux gives to instructions that multiply bfloat16 numbers."""

_OPTION = "auto_mixed_precision_onednn_bfloat16"


def train_on_one_core(cpu_information: Path = Path("/proc/cpuinfo")) -> None:
    """Let TensorFlow use one thread, and bfloat16 products where the core has them.

    Products and convolutions then take bfloat16 factors and add up in float32; weights, what
    TensorFlow's loops carry and losses stay float32. To be called before TensorFlow's first
    operation.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if multiplies_bfloat16(cpu_information):
        tf.config.optimizer.set_experimental_options({_OPTION: True})


def multiply_exactly() -> None:
    """Take products in float32 from here on, as every core does, and as models are served."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({_OPTION: False})


def multiplies_bfloat16(cpu_information: Path) -> bool:
    """Whether the core that ``cpu_information`` (Linux's /proc/cpuinfo) tells of does.

    Elsewhere oneDNN would make up for it, slowly. False where there is no such file.
    """
    try:
        lines = cpu_information.read_text().splitlines()
    except OSError:
        return False
    flags = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return not _NATIVE.isdisjoint(next(flags, ()))
