"""What each network is trained with by default."""

from dataclasses import replace

import pytest

from intone_lab import training
from intone_lab.architectures import ARCHITECTURES
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
    fits = []
    monkeypatch.setattr(training, "Batches", lambda *given: given)
    monkeypatch.setattr(training, "_fit", lambda *given: fits.append(given))
    settings = recipe("gru", 3)
    training.finish(None, [], settings, FinishSettings(), "fold1")
    ((_, batches, _, epochs, rate, name),) = fits
    assert (epochs, rate, name) == (15, 1e-3, "fold1, finish")
    _, _, drawn, augmentation, seed, _ = batches
    assert (drawn, seed) == (settings.batches, 4)
    assert augmentation == replace(
        settings.augmentation, noise_probability=0.75, snr_db=(0.0, 35.0)
    )
