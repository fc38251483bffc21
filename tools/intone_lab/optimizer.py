"""What the networks of the lab are trained with: AdamW, its rate warmed up and then let down."""

from __future__ import annotations

import keras


def adamw(
    learning_rate: float,
    weight_decay: float,
    steps: int,
    warm_up_steps: int,
    average_momentum: float | None,
) -> keras.optimizers.Optimizer:
    """Return the optimizer of ``steps`` batches, the first ``warm_up_steps`` of them warm-up.

    ``average_momentum`` is that of the exponential average of the weights; None keeps none.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 25,
        max(steps - warm_up_steps, 1),
        alpha=1e-3,
        warmup_target=learning_rate,
        warmup_steps=warm_up_steps,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=weight_decay,
        global_clipnorm=1.0,
        use_ema=average_momentum is not None,
        ema_momentum=average_momentum or 0.0,
    )
