"""What each network is trained with by default."""

from dataclasses import replace

import pytest
from lab_clips import make_clips

from intone_lab import training
from intone_lab.architectures import ARCHITECTURES
from intone_lab.cli.train_settings import gender_corpora, settings_for
from intone_lab.recipes import recipe
from intone_lab.training import FinishSettings


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_has_a_recipe_of_its_own_name(name):
    settings = recipe(name, seed=7)
    assert (settings.architecture, settings.seed) == (name, 7)
    assert settings.epochs > 1


def test_what_answers_at_the_end_hears_fewer_beginnings():
    heard = {name: recipe(name, 1).batches.crop_probability for name in ARCHITECTURES}
    assert max(heard["cnn"], heard["bilstm"]) < min(heard["gru"], heard["lstm"])


def test_the_second_stretch_is_noisier_and_otherwise_as_the_first(monkeypatch):
    fits, seeds = [], []
    monkeypatch.setattr(training, "reseed", lambda _, seed: seeds.append(seed))
    monkeypatch.setattr(training, "Batches", lambda *given: given)
    monkeypatch.setattr(training, "_fit", lambda *given: fits.append(given))
    settings = recipe("gru", 3)
    training.finish(None, [], settings, FinishSettings(), "fold1")
    ((_, batches, _, epochs, rate, name),) = fits
    assert (epochs, rate, name) == (15, 1e-3, "fold1, finish")
    _, _, drawn, augmentation, seed, _ = batches
    assert (drawn, seed, seeds) == (settings.batches, 4, [4])
    assert augmentation == replace(
        settings.augmentation, noise_probability=0.75, snr_db=(0.0, 35.0)
    )


def test_gender_is_learnt_from_own_recordings_of_both_sexes():
    for men, is_learnt in ((0, False), (2, True)):
        for name in ("cnn", "pretrained"):
            clips = make_clips("mine", women=2, men=men)
            settings = settings_for(name, 1, clips, None, has_teacher=True)
            assert ("mine" in gender_corpora(settings)) == is_learnt
