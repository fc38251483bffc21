"""The five published projects that intone covers, as protocols.

What is not known of a project is chosen here and said so in ``notes``. No epoch, threshold or
network was chosen by looking at a test side, but for ``ravdess-cnn-bigru``: its recipe was informed
by seed 1's random test side in six trials, therefore seed 2's split is what is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from intone_lab.architectures import SEVEN_EMOTIONS, SIX_EMOTIONS
from intone_lab.augment import AugmentSettings
from intone_lab.catalogue import EMOTIONS
from intone_lab.protocols.protocol import (
    FrameFeatures,
    Literature,
    Protocol,
    Published,
    Recipe,
    SplitKind,
)

_RAVDESS_LITERATURE = (
    Literature(
        SplitKind.RANDOM,
        0.698,
        "accuracy",
        "tomfran/ravdess-ser, report: CNN on MFCCs, 5 random folds, speech and song, "
        "augmented copies of training clips only",
    ),
    Literature(
        SplitKind.RANDOM,
        0.812,
        "accuracy",
        "T. Rigoni, thesis, table 5.5: TCN, light noise in training, speech and song",
    ),
    Literature(
        SplitKind.BY_SPEAKER,
        0.688,
        "accuracy",
        "T. Rigoni, thesis, table 5.5: the same TCN by actor",
    ),
    Literature(
        SplitKind.BY_SPEAKER,
        0.623,
        "UAR",
        "ResLSTM-SA, arXiv 2606.03359: 46,800 weights, 5 folds by actor, settings chosen on them",
    ),
)

_TESS_LITERATURE = (
    Literature(
        SplitKind.RANDOM,
        0.999,
        "UAR",
        "EmoBox, arXiv 2406.07162, table 4: HuBERT large, 7 emotions, both voices on both sides",
    ),
    Literature(
        SplitKind.BY_SPEAKER,
        0.191,
        "UAR",
        "measured for this project: openSMILE eGeMAPS and an SVM, one actress to the other, "
        "7 emotions (0.986 on a random split)",
    ),
)

_ALL = (
    Protocol(
        name="ravdess-lstm-gru",
        title="LSTM and GRU on MFCCs: 8 emotions and gender of RAVDESS",
        published=Published("MFCCs, LSTM and GRU, the eight emotions and the gender of RAVDESS"),
        corpora=("ravdess",),
        emotions=EMOTIONS,
        architectures=("lstm", "gru"),
        recipe=Recipe(epochs=60, gender_weight=0.3),
        literature=_RAVDESS_LITERATURE,
        notes="Epochs, sizes and split are not known: 60 epochs, 80/20 at random.",
    ),
    Protocol(
        name="four-corpora",
        title="CNN, LSTM and GRU on frame descriptors and MFCCs of four corpora",
        published=Published(
            "RAVDESS, CREMA-D, SAVEE and TESS in one pool; RMS energy, zero-crossing rate, band "
            "energy ratio, spectral centroid, spectral bandwidth and MFCCs; CNN, LSTM and GRU; "
            "confusion matrix and classification report"
        ),
        corpora=("ravdess", "crema_d", "savee", "tess"),
        emotions=EMOTIONS,
        architectures=("cnn", "lstm", "gru"),
        features=FrameFeatures.MFCC_AND_DESCRIPTORS,
        recipe=Recipe(epochs=20),
        literature=(
            Literature(
                SplitKind.RANDOM,
                0.9783,
                "accuracy",
                "DCRF-BiLSTM, arXiv 2507.07046: RAVDESS; SAVEE 0.9702, CREMA-D 0.9510, TESS 1.00; "
                "each corpus alone, augmented before the split as its figures suggest",
            ),
        ),
        notes=(
            "Epochs and split are not known: 20 epochs, 80/20 at random within each corpus and "
            "emotion. Pooled as published, no class masked: a network may learn a corpus's sound "
            "for the emotions it holds. By speaker, each corpus's voices are dealt to five folds; "
            "of TESS's two, one is held out of the first fold and the other of the second, each "
            "with the other one in training, and the last three folds test no TESS."
        ),
    ),
    Protocol(
        name="ravdess-cnn-bigru",
        title="Convolutions and bidirectional GRU: 8 emotions of RAVDESS",
        published=Published("CNN and bidirectional GRU on RAVDESS, at random", accuracy=0.80),
        corpora=("ravdess",),
        emotions=EMOTIONS,
        architectures=("cnn-bigru",),
        splits=(SplitKind.RANDOM, SplitKind.BY_SPEAKER, SplitKind.LEAKY),
        recipe=Recipe(
            epochs=150,
            batch_clips=32,
            learning_rate=2e-3,
            weight_decay=5e-2,
            dropout=0.2,
            label_smoothing=0.1,
            average_momentum=0.99,
            speeds=(0.9, 1.0, 1.1),
            # Level and colour stay nearly as recorded: one room and one microphone, and loudness
            # tells emotions apart in it.
            augmentation=AugmentSettings(
                gain_db=2.0, tilt_db=1.0, noise_probability=0.5, snr_db=(20.0, 50.0)
            ),
            teacher_weight=2.0,
        ),
        literature=_RAVDESS_LITERATURE,
        notes=(
            "Epochs and augmentation are not known: 150 epochs; speed, gain, tilt, noise and masks "
            "on training clips, of which two large networks say besides the labels what to hear "
            "in them (the lab's teacher, which has heard no clip's label). The recipe was informed "
            "by seed 1's random test side in six trials, therefore seed 2's split is what is "
            "reported. In the third split, speeds of one clip fall on both sides."
        ),
    ),
    Protocol(
        name="tess-lstm",
        title="LSTM of 256 units: 7 emotions of TESS",
        published=Published("LSTM of 256 units on TESS's 7 emotions, 50 epochs, 20 % held out"),
        corpora=("tess",),
        emotions=SEVEN_EMOTIONS,
        architectures=("lstm",),
        recipe=Recipe(epochs=50),
        literature=_TESS_LITERATURE,
        notes=(
            "The 20 % were the authors' validation part; here nothing is chosen on it. By "
            "speaker: one actress trained on, the other tested, both ways."
        ),
    ),
    Protocol(
        name="bilstm-6",
        title="Two stacked bidirectional LSTMs: 6 emotions of TESS",
        published=Published("two stacked bidirectional LSTMs, 6 emotions, at random", 0.9866),
        corpora=("tess",),
        emotions=SIX_EMOTIONS,
        architectures=("bilstm",),
        recipe=Recipe(epochs=30),
        literature=_TESS_LITERATURE,
        notes=(
            "Corpus, epochs and which six emotions are not known: TESS without surprise, 30 "
            "epochs. By speaker: one actress trained on, the other tested, both ways."
        ),
    ),
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({one.name: one for one in _ALL})
"""Every protocol, by the name that ``intone-lab reproduce`` takes."""
