"""Files of codes from strangers: no code runs, no other file is read, no promise is believed."""

from __future__ import annotations

import json
import os
import shutil

import h5py
import numcodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtokfeatures.exceptions import CodesError, InputError, SchemaError
from qtokfeatures.labelled import CodecSpec, CodeSequence, append_codes, load_codes, save_codes
from qtokfeatures.labelled.stored_form import to_stored
from qtokfeatures.labelled.stores import _netcdf_bytes, _write_zarr


@pytest.fixture
def zarr_path(codes, tmp_path):
    return save_codes(codes, tmp_path / "codes.zarr")


@pytest.fixture
def nc_path(codes, tmp_path):
    return save_codes(codes, tmp_path / "codes.nc")


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def edit_everywhere(path, name, change):
    """Change the description of an array in its own file and in the consolidated one."""
    edit(path / name / ".zarray", change)
    edit(path / ".zmetadata", lambda content: change(content["metadata"][f"{name}/.zarray"]))


def refused(path, message):
    for use in (load_codes, lambda path: load_codes(path, lazy=True)):
        with pytest.raises(SchemaError, match=message):
            use(path)


CODECS = ["pickle", "json2", "msgpack2", "gzip", "delta", "no such codec", 3, None]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_foreign_codecs_are_refused_before_they_are_opened(zarr_path, codec, place):
    def change(array):
        array[place] = [{"id": codec}] if place == "filters" else {"id": codec}

    edit_everywhere(zarr_path, "instrument", change)
    refused(zarr_path, r"array 'instrument' of .*codes.zarr names the codec .*save_codes writes")


def test_codecs_in_one_of_two_descriptions_are_refused(zarr_path):
    edit(zarr_path / "year" / ".zarray", lambda array: array.update(filters=[{"id": "pickle"}]))
    refused(zarr_path, "names the codec 'pickle'")
    (zarr_path / ".zmetadata").unlink()
    refused(zarr_path, "names the codec 'pickle'")


def test_codecs_of_zarr_3_are_refused(codes, tmp_path):
    path = tmp_path / "three.zarr"
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [2],
        "data_type": "int16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
        "codecs": [{"name": "numcodecs.pickle", "configuration": {}}],
    }
    (path / "codes").mkdir(parents=True)
    (path / "codes" / "zarr.json").write_text(json.dumps(array))
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    refused(path, "names the codec 'numcodecs.pickle'")
    root = {"consolidated_metadata": {"metadata": {"other": array}}, "zarr_format": 3}
    shutil.rmtree(path / "codes")
    (path / "zarr.json").write_text(json.dumps(root))
    refused(path, "array 'other' of .*'numcodecs.pickle'")


def test_nothing_is_appended_to_such_a_store(zarr_path, codes):
    edit_everywhere(zarr_path, "year", lambda array: array.update(compressor={"id": "pickle"}))
    with pytest.raises(SchemaError, match="names the codec"):
        append_codes(codes, zarr_path, on_duplicate="rename")


@pytest.mark.parametrize("content", ["[]", "3", "{", '{"metadata": 3}', "[" * 10**5, "\0"])
def test_unreadable_metadata(zarr_path, content):
    (zarr_path / ".zmetadata").write_text(content)
    refused(zarr_path, "has unreadable metadata in .zmetadata")


@pytest.mark.parametrize("key", ["../other/.zarray", "a/b/.zarray", "/etc/.zarray", "../.zarray"])
def test_arrays_elsewhere_are_refused(zarr_path, key):
    edit(
        zarr_path / ".zmetadata",
        lambda content: content["metadata"].update({key: content["metadata"]["year/.zarray"]}),
    )
    refused(zarr_path, "plain arrays only")


def test_links_in_a_zarr_folder_are_refused(zarr_path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret!!" * 5)
    chunk = zarr_path / "year" / "0"
    chunk.unlink()
    chunk.symlink_to(secret)
    refused(zarr_path, "holds the link '0'")


def test_a_link_to_a_store_is_opened(zarr_path, codes, tmp_path):
    (tmp_path / "link.zarr").symlink_to(zarr_path)
    assert load_codes(tmp_path / "link.zarr").identical(codes)


@pytest.mark.parametrize("shape", [[10**10], [2**63], [-1], ["x"], [1, 1], [float("inf")], None])
def test_shapes_beyond_the_chunks_are_refused(zarr_path, shape):
    edit_everywhere(zarr_path, "time", lambda array: array.update(shape=shape))
    with pytest.raises(InputError, match=r"codes\.zarr|'time'"):
        load_codes(zarr_path)


@pytest.mark.parametrize("chunks", [[10**10], [2**62], [0]])
def test_large_chunks_are_refused(zarr_path, chunks):
    edit_everywhere(zarr_path, "time", lambda array: array.update(chunks=chunks))
    refused(zarr_path, "expected chunks of at most")


def test_lost_chunks_are_noticed(make_codes, tmp_path):
    path = save_codes(make_codes([2**14] * 3), tmp_path / "codes.zarr")
    (path / "codes" / "0.1").unlink()
    refused(path, "array 'codes' of .* lacks 1 of the 3 chunks that its shape")


def test_chunks_of_zeros_are_no_loss(make_codes, tmp_path):
    ds = make_codes([2**14 + 5, 3])
    ds["codes"][:] = 0
    path = save_codes(ds, tmp_path / "codes.zarr")
    append_codes(ds.assign_coords(clip=["a", "b"]), path)
    assert load_codes(path).qtok.n_clips == 4


def hdf5_link(file, tmp_path):
    del file["year"]
    file["year"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/secret")


def hdf5_soft_link(file, tmp_path):
    del file["year"]
    file["year"] = h5py.SoftLink("/clip_number")


def hdf5_external(file, tmp_path):
    del file["year"]
    raw = [(str(tmp_path / "secret.bin"), 0, 40)]
    file.create_dataset("year", (5,), "i8", external=raw)


def hdf5_virtual(file, tmp_path):
    del file["year"]
    layout = h5py.VirtualLayout((5,), "i8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "secret", (5,))
    file.create_virtual_dataset("year", layout)


def hdf5_group(file, tmp_path):
    file.create_group("more")


def hdf5_filter(file, tmp_path):
    del file["year"]
    file.create_dataset("year", (5,), "i8", chunks=(5,), compression="lzf")


def hdf5_wide(file, tmp_path):
    del file["year"]
    file.create_dataset("year", (5,), "S100000000", chunks=(1,), compression="gzip")


def hdf5_promise(file, tmp_path):
    del file["time"]
    file.create_dataset("time", (10**10,), "f8", chunks=(2**14,))


def hdf5_promise_in_one_piece(file, tmp_path):
    del file["time"]
    file.create_dataset("time", (10**10,), "f8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (hdf5_link, "holds the link 'year'"),
        (hdf5_soft_link, "holds the link 'year'"),
        (hdf5_external, "'year' of .* lies in another file"),
        (hdf5_virtual, "'year' of .* lies in another file"),
        (hdf5_wide, "'year' of .* holds items of 100000000 bytes"),
        (hdf5_group, "holds 'more': files of codes hold plain arrays only"),
        (hdf5_filter, r"names the HDF5 filters \[32000\]"),
        (hdf5_promise, r"'time' of .* shape \(10000000000,\), but its values are missing"),
        (hdf5_promise_in_one_piece, "its values are missing"),
    ],
)
def test_what_netcdf_files_must_not_hold(nc_path, tmp_path, change, message):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.frombuffer(b"secret!!" * 5, "i8")
    (tmp_path / "secret.bin").write_bytes(b"secret!!" * 5)
    with h5py.File(nc_path, "r+") as file:
        change(file, tmp_path)
    refused(nc_path, message)


def write(ds, path):
    """Write what save_codes refuses."""
    if path.suffix == ".zarr":
        _write_zarr(to_stored(ds), path)
    else:
        path.write_bytes(_netcdf_bytes(to_stored(ds)))
    return path


def replaced(ds, name, index, value):
    """Return `ds` with one value of a variable replaced."""
    variable = ds.variables[name]
    values = variable.values.copy()
    values[index] = value
    changed = variable.copy(data=values)
    return ds.assign_coords({name: changed}) if name in ds.coords else ds.assign({name: changed})


FORGED = {
    "counts that wrap round": ("frame_count", slice(0, 2), 2**63 - 1, "adds up to"),
    "a negative count": ("frame_count", 1, -3, "expected at least 1"),
    "a code of -1": ("codes", (1, 4), -1, "clip 'clip2.wav': code -1 in codebook 1, frame 0"),
    "a code too large": ("codes", (3, 3), 32, "clip 'clip1.wav': code 32 in codebook 3, frame 0"),
    "a clip index beyond": ("clip_index", 3, 99, "'clip_index' disagrees"),
    "a time that is none": ("time", 2, np.nan, "'time' disagrees"),
    "a time of another frame": ("time", 4, 0.5, "'time' disagrees"),
    "an infinite time": ("time", 14, np.inf, "'time' disagrees"),
    "an id twice": ("clip", 1, "clip0.wav", "must hold unique ids"),
    "2 GB of samples": ("n_samples", 0, 2**29, "'n_samples' of clip 'clip0.wav' is 536870912"),
    "no samples": ("n_samples", 2, 0, "'n_samples' of clip 'clip2.wav' is 0: expected 1 to"),
    "a rate beyond all": ("sample_rate", 1, 2**62, "'sample_rate' of clip 'clip1.wav'"),
    "a duration that is none": ("duration", 1, np.nan, "'duration' of clip 'clip1.wav' is nan"),
}


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize(("name", "index", "value", "message"), FORGED.values(), ids=FORGED)
def test_every_number_is_checked_at_load(codes, tmp_path, suffix, name, index, value, message):
    path = write(replaced(codes, name, index, value), tmp_path / f"forged{suffix}")
    with pytest.raises((SchemaError, CodesError), match=message):
        load_codes(path)
    if name != "codes":
        with pytest.raises(SchemaError, match=message):
            load_codes(path, lazy=True)
    else:
        with pytest.raises(CodesError, match=r"outside 0 … 31"):
            list(CodeSequence(load_codes(path, lazy=True)))


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"frame_rate": float("nan")}, "describe no codec: frame_rate"),
        ({"frame_rate": float("inf")}, "describe no codec: frame_rate"),
        ({"frame_rate": "fast"}, "'frame_rate' must be float, got 'fast'"),
        ({"n_codebooks": float("inf")}, "'n_codebooks' must be int, got inf"),
        ({"codebook_size": 2**40}, "describe no codec: codebook_size"),
        ({"hop_length": -1}, "describe no codec: hop_length"),
        ({"codec_name": ""}, "describe no codec: a codec needs a name"),
        ({"skipped": "[1]"}, "'skipped' must be a JSON list of objects"),
        ({"skipped": "{}"}, "'skipped' must be a JSON list of objects"),
    ],
)
def test_attributes_are_checked_at_load(codes, tmp_path, attrs, message):
    path = write(codes.assign_attrs(attrs), tmp_path / "forged.nc")
    with pytest.raises(SchemaError, match=message):
        load_codes(path)


SPEC = CodecSpec("toy", "r1", 24000, 12.5, 1920, 4, 32, "f00d", 8)
EDGES = [-(2**63), -(2**31), -1, 0, 1, 2, 3, 5, 15, 31, 32, 99, 2**15 - 1, 2**31, 2**53, 2**63 - 1]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(
        [
            "frame_count",
            "clip_index",
            "clip_number",
            "frame_number",
            "codebook",
            "codes",
            "sample_rate",
            "n_samples",
        ]
    ),
    value=st.sampled_from(EDGES) | st.integers(-(2**63), 2**63 - 1),
    position=st.integers(0, 3),
)
def test_integers_of_any_size_are_read_right_or_refused(codes, tmp_path, name, value, position):
    if name == "codes":
        value = (value + 2**15) % 2**16 - 2**15
        index = (position, 2)
    else:
        index = position
    forged = replaced(codes, name, index, value)
    path = tmp_path / "forged.nc"
    path.write_bytes(_netcdf_bytes(to_stored(forged)))
    try:
        ds = load_codes(path)
    except InputError:
        return
    ds.qtok.validate()
    assert ds.identical(forged)
    assert sum(clip.shape[1] for clip in CodeSequence(ds)) == 15


@settings(
    max_examples=40,
    derandomize=True,  # some damage ends the process inside HDF5
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_damaged_file_is_read_right_or_refused(codes, tmp_path, data):
    path = tmp_path / "codes.nc"
    content = bytearray(_netcdf_bytes(to_stored(codes)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        ds = load_codes(path)
    except InputError:
        return
    ds.qtok.validate()


def test_chunks_under_other_names_are_no_chunks(zarr_path):
    edit_everywhere(zarr_path, "codes", lambda array: array.update(dimension_separator="/"))
    refused(zarr_path, "array 'codes' of .* lacks 1 of the 1 chunks")


def test_a_pipe_is_not_waited_for(zarr_path):
    (zarr_path / "year" / "0").unlink()
    os.mkfifo(zarr_path / "year" / "0")
    refused(zarr_path, "holds the pipe '0'")


@pytest.mark.parametrize("name", ["codes/0.0", "time/0", "instrument/0"])
def test_sizes_in_chunks_are_no_promise(zarr_path, name):
    content = bytearray((zarr_path / name).read_bytes())
    content[4:8] = (2**31 - 2**12).to_bytes(4, "little")
    (zarr_path / name).write_bytes(content)
    refused(zarr_path, r"chunk 0.* promises 2147479552 bytes")


def test_counts_of_text_are_no_promise(zarr_path):
    content = numcodecs.Blosc().encode((10**9).to_bytes(4, "little") + bytes(100))
    (zarr_path / "instrument" / "0").write_bytes(content)
    refused(zarr_path, r"chunk 0 of array 'instrument' .* promises 1000000000 .* items")


def test_a_folder_of_two_versions_is_refused(zarr_path):
    (zarr_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    refused(zarr_path, "is described for versions 2 and 3 of Zarr")


def test_damage_met_by_a_lazy_read_is_an_input_error(zarr_path):
    chunk = zarr_path / "codes" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    lazy = load_codes(zarr_path, lazy=True)
    with pytest.raises(InputError, match=r"codes\.zarr cannot be read as codes"):
        lazy["codes"].load()


def test_the_width_of_text_is_no_promise(nc_path, codes):
    with h5py.File(nc_path, "r+") as file:
        file["instrument"].attrs["_qtok_dtype"] = "<U500000000"
    assert load_codes(nc_path)["instrument"].dtype == codes["instrument"].dtype


@pytest.mark.parametrize("dtype", ["V1000000000", "S9", "i1", "(9,)i8", "no dtype", 5])
@pytest.mark.parametrize("name", ["instrument", "year"])
def test_recorded_dtypes_are_those_of_labels(nc_path, name, dtype):
    with h5py.File(nc_path, "r+") as file:
        file[name].attrs["_qtok_dtype"] = dtype
    refused(nc_path, "_qtok_dtype")
