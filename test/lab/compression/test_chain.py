"""Reading and writing chains of recipes."""

import pytest

from depth_anything_ros.errors import CompressionError, UnknownNameError
from depth_anything_ros.lab.compression.chain import chain_text, in_words_of_the_paper, parse_chain
from depth_anything_ros.lab.compression.fp16 import Fp16
from depth_anything_ros.lab.compression.int16_static import Int16Static
from depth_anything_ros.lab.compression.prune import Prune


@pytest.mark.parametrize(
    ('text', 'recipes', 'shortest'),
    [
        ('int16_static', (Int16Static(),), 'int16_static'),
        ('fp16()', (Fp16(),), 'fp16'),
        ('prune(0.3)', (Prune(0.3),), 'prune(0.3)'),
        ('prune(.5,global)', (Prune(0.5, 'global'),), 'prune(0.5, global)'),
        ('prune(0.3, scope=layer)', (Prune(0.3),), 'prune(0.3)'),
        (' prune( scope = global, amount = 0.25 ) + int16_static ',
         (Prune(0.25, 'global'), Int16Static()), 'prune(0.25, global)+int16_static'),
    ],
)  # fmt: skip
def test_chain_is_read_and_written(text, recipes, shortest):
    assert parse_chain(text) == recipes
    assert chain_text(recipes) == shortest
    assert parse_chain(shortest) == recipes


def test_word_of_the_paper_for_float16_is_read_and_told(caplog):
    assert parse_chain('prune(0.3)+int16_dynamic') == (Prune(0.3), Fp16())
    assert "recipe 'int16_dynamic' stores float16; it is called fp16 now" in caplog.text
    caplog.clear()
    assert parse_chain('fp16') == (Fp16(),)
    assert not caplog.text
    assert in_words_of_the_paper('prune(0.3)+fp16') == 'prune(0.3)+fp16 (int16_dynamic)'
    assert in_words_of_the_paper('int16_static') == 'int16_static'


def test_amount_is_written_in_full():
    recipes = parse_chain('prune(0.123456789)')
    assert parse_chain(chain_text(recipes)) == recipes


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', "'' cannot be read; write NAME or NAME"),
        ('prune(0.3', r"'prune\(0\.3' cannot be read"),
        ('prune(0.3)int16_static', 'cannot be read'),
        ('prune(0.3)+', "'' cannot be read"),
        ('prune', r'needs amount: prune\(VALUE\)'),
        ('prune()', 'needs amount'),
        ('prune(much)', "amount 'much' is not a number"),
        ('prune(0.3, global, 2)', "'2' is not allowed; it takes amount, scope, each once"),
        ('prune(0.3, amount=0.5)', "'amount=0.5' is not allowed"),
        ('prune(share=0.5)', "'share=0.5' is not allowed"),
        ('int16_static(3)', "'3' is not allowed; it takes no argument"),
        ('prune(0.05)', r'amount 0\.05; allowed: 0\.1 to 0\.9'),
        ('prune(0.95)', r'amount 0\.95; allowed'),
        ('prune(nan)', 'amount nan; allowed'),
        ('prune(0.3, both)', "unknown scope 'both'; known: layer, global"),
        ('int16_static+fp16',
         r'fp16 \(number format\) cannot follow int16_static'),
        ('int16_static+prune(0.3)', r'prune \(sparsity\) cannot follow int16_static'),
        ('prune(0.3)+prune(0.3)', 'at most one for each of structure, sparsity, number'),
    ],
)  # fmt: skip
def test_chain_that_makes_no_sense_is_refused(text, message):
    with pytest.raises(CompressionError, match=message):
        parse_chain(text)


def test_unknown_recipe_is_named():
    with pytest.raises(
        UnknownNameError, match="unknown recipe 'int4'; known: prune_structured, prune, int16_stat"
    ):
        parse_chain('prune(0.3)+int4')
