"""What each network is trained with by default."""

import pytest

from intone_lab.architectures import ARCHITECTURES
from intone_lab.recipes import recipe


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_has_a_recipe_of_its_own_name(name):
    settings = recipe(name, seed=7)
    assert (settings.architecture, settings.seed) == (name, 7)
    assert settings.epochs > 1


def test_what_answers_at_the_end_hears_fewer_beginnings():
    heard = {name: recipe(name, 1).batches.crop_probability for name in ARCHITECTURES}
    assert max(heard["cnn"], heard["bilstm"]) < min(heard["gru"], heard["lstm"])
