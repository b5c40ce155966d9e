"""Folders that load, and what is said about those that do not."""

from __future__ import annotations

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import qtokfeatures as qt
from qtokfeatures.codecs.mini.codec import bundled_weights
from qtokfeatures.exceptions import CodecError, CodecMismatchError, CodesError, InputError

SR = 24_000


def change_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key, value in changes.items():
        part, _, field = key.rpartition("__")
        (config[part] if part else config)[field] = value
    path.write_text(json.dumps(config))


def change_weights(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def shard(folder):
    """Split the weights into two files with an index."""
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    files = {"model-00001-of-00002.safetensors": names[::2],
             "model-00002-of-00002.safetensors": names[1::2]}  # fmt: skip
    for file, held in files.items():
        save_file({name: tensors[name] for name in held}, folder / file)
    weight_map = {name: file for file, held in files.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "model.safetensors").unlink()


def test_a_sharded_checkpoint_is_the_same_codec(checkpoint, qwen, golden):
    shard(checkpoint)
    codec = qt.load_codec(checkpoint, device="cpu")
    assert codec.spec.fingerprint == qwen.spec.fingerprint
    np.testing.assert_array_equal(
        codec.encode(golden["wave_0"], sr=SR), qwen.encode(golden["wave_0"], sr=SR)
    )


def test_the_tokenizer_inside_a_larger_checkpoint_is_found(tmp_path, golden_folder, qwen):
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_tts"}')
    shutil.copytree(golden_folder, tmp_path / "speech_tokenizer")
    assert qt.load_codec(tmp_path).spec.fingerprint == qwen.spec.fingerprint


def test_the_weights_file_stands_for_its_folder(golden_folder, qwen):
    codec = qt.load_codec(golden_folder / "model.safetensors")
    assert codec.spec.fingerprint == qwen.spec.fingerprint


def test_another_file_does_not_stand_for_its_folder(checkpoint):
    shutil.copyfile(checkpoint / "model.safetensors", checkpoint / "best.safetensors")
    (checkpoint / "notes.txt").write_text("the second run was better")
    for name in ("best.safetensors", "notes.txt", "config.json"):
        with pytest.raises(
            CodecError, match=r"only a part of a checkpoint .* or '.*model\.safetensors'$"
        ) as caught:
            qt.load_codec(checkpoint / name)
        assert str(checkpoint / name) in str(caught.value)
    shard(checkpoint)
    with pytest.raises(CodecError, match=rf"expected the folder '{checkpoint}'$"):
        qt.load_codec(checkpoint / "model-00001-of-00002.safetensors")


def test_weights_around_a_tokenizer_do_not_stand_for_it(tmp_path, golden_folder):
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_tts"}')
    shutil.copyfile(golden_folder / "model.safetensors", tmp_path / "model.safetensors")
    shutil.copytree(golden_folder, tmp_path / "speech_tokenizer")
    with pytest.raises(CodecError, match=r"only a part of a checkpoint .*speech_tokenizer"):
        qt.load_codec(tmp_path / "model.safetensors")


def test_weights_of_mini_beside_a_checkpoint_are_themselves(checkpoint):
    shutil.copyfile(bundled_weights(), checkpoint / "mine.safetensors")
    assert qt.load_codec(checkpoint / "mine.safetensors").spec.fingerprint == (
        qt.load_codec("mini").spec.fingerprint
    )


def test_missing_unexpected_and_misshapen_tensors_are_one_error(checkpoint):
    def change(tensors):
        del tensors["encoder.downsample.conv.weight"]
        del tensors["decoder.decoder.5.alpha"]
        tensors["decoder.extra"] = np.zeros(3, np.float32)
        tensors["decoder.pre_transformer.norm.weight"] = np.zeros(31, np.float32)

    change_weights(checkpoint, change)
    with pytest.raises(CodecError) as caught:
        qt.load_codec(checkpoint)
    message = str(caught.value)
    for expected in (
        "2 missing: decoder.decoder.5.alpha, encoder.downsample.conv.weight",
        "1 unexpected: decoder.extra",
        "decoder.pre_transformer.norm.weight [31] instead of [32]",
        str(checkpoint),
    ):
        assert expected in message


def test_a_tensor_that_is_stored_but_not_used_is_checked_too(checkpoint):
    change_weights(
        checkpoint,
        lambda tensors: tensors.pop("encoder.quantizer.acoustic_residual_vector_quantizer"
                                    ".layers.18.codebook.initialized"),
    )  # fmt: skip
    with pytest.raises(CodecError, match=r"1 missing: .*layers\.18\.codebook\.initialized"):
        qt.load_codec(checkpoint, encoder=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights in"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"half"), "not a readable"),
        (lambda folder: (folder / "config.json").write_text("{"), "not a readable JSON"),
        (lambda folder: change_config(folder, model_type="mimo"), "no codec"),
        (
            lambda folder: change_config(folder, encoder_config={}),
            "lacks encoder_config.upsampling_ratios",
        ),
        (
            lambda folder: change_config(folder, decoder_config=None),
            "decoder_config must be a table",
        ),
        (lambda folder: change_config(folder, encoder_config__use_causal_conv=False), "causal"),
        (
            lambda folder: change_config(folder, encoder_config__upsampling_ratios=[8, 6, 5, 3]),
            "strides",
        ),
        (lambda folder: change_config(folder, decoder_config__upsample_rates=[8]), "rates"),
        (lambda folder: change_config(folder, decoder_config__hidden_size=40), "another shape"),
        (lambda folder: change_config(folder, encoder_config__num_quantizers=40), "missing"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(checkpoint, damage, message):
    damage(checkpoint)
    with pytest.raises(CodecError, match=message) as caught:
        qt.load_codec(checkpoint)
    assert str(checkpoint) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder_config__sliding_window": 0}, "encoder_config.sliding_window must be a whole"),
        ({"encoder_config__hidden_size": 32.9}, r"hidden_size must be a whole .*, got 32\.9"),
        ({"encoder_config__num_filters": True}, "num_filters must be a whole number"),
        ({"encoder_config__dilation_growth_rate": -2}, "dilation_growth_rate must be"),
        ({"encoder_config__compress": 3}, "compress must be a divisor of num_filters, 8"),
        ({"encoder_config__norm_eps": float("nan")}, "norm_eps must be a number above 0"),
        ({"encoder_config__rope_theta": -1}, "encoder_config.rope_theta must be a number above"),
        ({"encoder_config__rope_theta": None}, "rope_theta must be a number above 0, got None"),
        ({"encoder_config__head_dim": 7}, "head_dim must be even"),
        ({"encoder_config__num_key_value_heads": 3}, "a divisor of num_attention_heads, 4"),
        ({"encoder_config__upsampling_ratios": "8654"}, "must be a list of 1 or more whole"),
        ({"encoder_config__rope_scaling": {"type": "linear"}}, "positions is 'linear', expected"),
        (
            {"decoder_config__rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}},
            "decoder rotary positions is 'yarn'",
        ),
        ({"decoder_config__upsample_rates": []}, "decoder_config.upsample_rates must be a list"),
        ({"decoder_config__num_attention_heads": 0}, "num_attention_heads must be a whole"),
        ({"decoder_config__decoder_dim": 40}, "divisible by 2 for each of upsample_rates"),
        ({"decoder_config__codebook_dim": 31}, "codebook_dim must be even"),
        ({"encode_downsample_rate": 1920.7}, r"encode_downsample_rate must be .*1920\.7"),
    ],
    ids=str,
)
def test_a_size_that_cannot_be_is_named(checkpoint, change, message):
    change_config(checkpoint, **change)
    with pytest.raises(CodecError, match=message):
        qt.load_codec(checkpoint)


def test_the_base_of_positions_may_lie_in_a_table_of_its_own(checkpoint, qwen):
    table = {"rope_type": "default", "rope_theta": 10000.0}
    change_config(checkpoint, encoder_config__rope_theta=None)
    change_config(checkpoint, encoder_config__rope_parameters=table)
    assert qt.load_codec(checkpoint).spec.fingerprint == qwen.spec.fingerprint


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(checkpoint, value):
    name = "encoder.downsample.conv.weight"
    change_weights(checkpoint, lambda tensors: tensors[name][0, 0].fill(value))
    with pytest.raises(CodecError, match=f"NaN or infinity in 1 tensors: {name}"):
        qt.load_codec(checkpoint)


def test_weights_that_are_not_floating_point_are_refused(checkpoint):
    name = "encoder.downsample.conv.weight"
    change_weights(
        checkpoint, lambda tensors: tensors.update({name: tensors[name].astype(np.int32)})
    )
    with pytest.raises(CodecError, match=f"floating-point .*{name} I32"):
        qt.load_codec(checkpoint)


def test_a_loaded_codec_does_not_change_with_its_file(checkpoint, golden):
    codec = qt.load_codec(checkpoint)
    codes = codec.encode(golden["wave_0"], sr=SR)
    path = checkpoint / "model.safetensors"
    path.write_bytes(bytes(path.stat().st_size))  # in place, as cp and rsync --inplace write
    np.testing.assert_array_equal(codec.encode(golden["wave_0"], sr=SR), codes)
    assert np.isfinite(codec.decode(codes)[0]).all()


def test_half_a_file_is_an_error(checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CodecError, match="not a readable safetensors file"):
        qt.load_codec(checkpoint)


def test_an_index_is_believed_only_as_far_as_it_is_true(checkpoint):
    shard(checkpoint)
    index = checkpoint / "model.safetensors.index.json"
    fields = json.loads(index.read_text())
    fields["weight_map"]["decoder.extra"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(fields))
    with pytest.raises(CodecError, match=r"does not hold what .* says: decoder\.extra"):
        qt.load_codec(checkpoint)
    (checkpoint / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CodecError, match=r"'model-00002.*', which is not there"):
        qt.load_codec(checkpoint)
    fields["weight_map"]["decoder.extra"] = "../elsewhere.safetensors"
    index.write_text(json.dumps(fields))
    with pytest.raises(CodecError, match=r"expected a .* file beside it"):
        qt.load_codec(checkpoint)


def test_half_a_codec_gives_the_same_and_refuses_the_other_half(golden_folder, qwen, golden):
    encoder = qt.load_codec(golden_folder, decoder=False, device="cpu")
    decoder = qt.load_codec(golden_folder, encoder=False, device="cpu")
    assert encoder.spec == decoder.spec == qwen.spec
    codes = encoder.encode(golden["wave_0"], sr=SR)
    np.testing.assert_array_equal(codes, qwen.encode(golden["wave_0"], sr=SR))
    np.testing.assert_allclose(decoder.decode(codes)[0], qwen.decode(codes)[0], atol=1e-6)
    np.testing.assert_array_equal(decoder.embed(codes), qwen.embed(codes))
    with pytest.raises(CodecError, match="decoder=False"):
        encoder.decode(codes)
    with pytest.raises(CodecError, match="encoder=False"):
        decoder.encode(golden["wave_0"], sr=SR)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: change_weights(
            folder, lambda t: t["encoder.downsample.conv.weight"].__imul__(1.01)
        ),
        lambda folder: change_config(folder, encoder_config__sliding_window=11),
        lambda folder: change_config(folder, input_sample_rate=16_000, output_sample_rate=16_000),
    ],
    ids=["weights", "window", "rate"],
)
def test_what_changes_codes_changes_the_fingerprint(checkpoint, qwen, change):
    assert qt.load_codec(checkpoint).spec.fingerprint == qwen.spec.fingerprint
    change(checkpoint)
    assert qt.load_codec(checkpoint).spec.fingerprint != qwen.spec.fingerprint


def test_the_revision_is_the_weights(golden_folder, qwen):
    assert qt.load_codec(golden_folder, revision=qwen.spec.revision).spec == qwen.spec
    with pytest.raises(CodecError, match="expected 'main'"):
        qt.load_codec(golden_folder, revision="main")


def test_a_pickled_codec_is_small_and_encodes_the_same(qwen, golden):
    blob = pickle.dumps(qwen)
    assert len(blob) < 5_000
    y = golden["wave_0"]
    np.testing.assert_array_equal(pickle.loads(blob).encode(y, sr=SR), qwen.encode(y, sr=SR))
    assert copy.deepcopy(qwen) is qwen


def test_a_pickled_codec_does_not_accept_other_weights(checkpoint, golden):
    blob = pickle.dumps(qt.load_codec(checkpoint))
    change_weights(checkpoint, lambda t: t["encoder.downsample.conv.weight"].__imul__(1.01))
    with pytest.raises(CodecMismatchError, match="have changed"):
        pickle.loads(blob).encode(golden["wave_2"], sr=SR)


def test_embeddings_are_the_semantic_entry_beside_the_sum_of_the_acoustic_ones(qwen, golden):
    codes = golden["windowed_codes_0"].T
    embedding = qwen.embed(codes)
    assert embedding.shape == (13, 32)
    np.testing.assert_allclose(embedding[:, :16], qwen.codebook_vectors(0)[codes[0]][:, :16])
    acoustic = sum(qwen.codebook_vectors(k)[codes[k]][:, 16:] for k in range(1, 16))
    np.testing.assert_allclose(embedding[:, 16:], acoustic, rtol=1e-5, atol=1e-6)
    assert not qwen.codebook_vectors(0)[:, 16:].any()
    assert not qwen.codebook_vectors(5)[:, :16].any()
    with pytest.raises(InputError, match="codebooks 0 … 15, got 16"):
        qwen.codebook_vectors(16)


def test_entries_are_sums_over_usage(qwen, golden_folder):
    tensors = load_file(golden_folder / "model.safetensors")
    book = "encoder.quantizer.acoustic_residual_vector_quantizer.layers.2.codebook."
    expected = (
        tensors[book + "embed_sum"] / np.maximum(tensors[book + "cluster_usage"], 1e-5)[:, None]
    )
    np.testing.assert_allclose(qwen.codebook_vectors(3)[:, 16:], expected, rtol=1e-6)


def test_single_entries_are_found_again(qwen):
    vectors = qwen.codebook_vectors(0)[[3, 77]]
    np.testing.assert_array_equal(qwen.quantize(vectors)[0], [3, 77])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_fewer_codebooks_decode(qwen, golden, count):
    y, _ = qwen.decode(golden["codes_0"].T[:count])
    assert y.shape == golden["decoded_0"].shape
    assert np.isfinite(y).all()


def test_codes_of_another_size_are_refused(qwen):
    with pytest.raises(CodesError, match="0 … 127"):
        qwen.decode(np.full((16, 3), 128))


def test_what_is_projected_is_what_is_quantised(qwen, golden):
    y = golden["wave_0"]
    projected = qwen.project(qwen.latents(y, sr=SR))
    assert projected.shape == (13, qwen.spec.embedding_dim)
    np.testing.assert_array_equal(qwen.quantize(projected), qwen.encode(y, sr=SR))


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder_config__num_hidden_layers": 10**7},
        {"decoder_config__num_hidden_layers": 10**7},
        {"encoder_config__num_residual_layers": 10**7},
        {"encoder_config__num_quantizers": 10**9},
        {"encoder_config__hidden_size": 10**30},
        {"decoder_config__latent_dim": 2**62},
        {"encoder_config__sliding_window": 2**70, "encoder_config__intermediate_size": 10**9},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_forged_sizes_are_refused_without_their_memory(checkpoint, changes):
    change_config(checkpoint, **changes)
    with pytest.raises(CodecError, match=r"config\.json"):
        qt.load_codec(checkpoint, device="cpu")


def test_a_nested_config_is_refused(checkpoint):
    (checkpoint / "config.json").write_text("[" * 100_000)
    with pytest.raises(CodecError, match="not a readable JSON"):
        qt.load_codec(checkpoint, device="cpu")
