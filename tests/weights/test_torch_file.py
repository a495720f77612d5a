"""torch files are read to the bit without torch; hostile and broken ones are refused by name."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from torch_files import Tensor, legacy_file, pickled, whole, zip_file

from crossmodal.data.safe_pickle import UnsafePickle
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.torch_file import read_torch

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(6, 5)).astype(np.float32)
TENSORS = [
    whole("conv.weight", RNG.normal(size=(2, 3, 1, 1)).astype(np.float32)),
    whole("bn.num_batches_tracked", np.array(7, np.int64)),
    whole("half", np.array([1.5, -2], np.float16)),
    whole("bytes", np.arange(3, dtype=np.uint8)),
    whole("none", np.zeros((0, 3), np.float32)),
    Tensor("transposed", NUMBERS.reshape(-1), (5, 6), (1, 5)),
    Tensor("slice", NUMBERS.reshape(-1), (2, 3), (5, 1), offset=6),
]
EXPECTED = {
    **{t.name: t.numbers.reshape(t.size) for t in TENSORS[:5]},
    "transposed": NUMBERS.T,
    "slice": NUMBERS[1:3, 1:4],
}


@pytest.mark.parametrize("form", [zip_file, legacy_file])
def test_every_tensor_to_the_bit(tmp_path: Path, form: object) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(form(TENSORS))  # type: ignore[operator]
    found = read_torch(path)
    assert list(found) == list(EXPECTED)
    for name, array in EXPECTED.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_bfloat16(tmp_path: Path) -> None:
    values = np.array([0, -0.0, 1.5, -3e38, 1e-40, np.inf], np.float32)
    bits = values.view(np.uint32) >> 16
    path = tmp_path / "b.pth"
    path.write_bytes(zip_file([whole("b", bits.astype(np.uint16))]))
    found = read_torch(path)["b"]
    assert found.dtype == np.float32
    assert np.array_equal(found.view(np.uint32), bits << 16)
    assert np.array_equal(found[:3], values[:3])


@pytest.mark.parametrize("form", [zip_file, legacy_file])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_truncated(tmp_path: Path, form: object, part: float) -> None:
    path = tmp_path / "weights.pth"
    data = form(TENSORS)  # type: ignore[operator]
    path.write_bytes(data[: int(part * len(data))])
    # Cut in the middle of a class name, a file asks for a class that does not exist.
    with pytest.raises((WeightsError, UnsafePickle), match="weights.pth"):
        read_torch(path)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("outside", np.zeros(6, np.float32), (2, 3), (3, 1), offset=1),
        Tensor("outside", np.zeros(6, np.float32), (2, 3), (4, 1)),
        Tensor("repeated", np.zeros(6, np.float32), (1000, 1000), (0, 0)),
    ],
)
def test_a_tensor_never_reads_outside_its_storage(tmp_path: Path, tensor: Tensor) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(zip_file([tensor]))
    with pytest.raises(WeightsError, match="outside"):
        read_torch(path)


def test_negative_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for tensor in (Tensor("t", np.zeros(6, np.float32), (2, 3), (3, 1), offset=-1),
                   Tensor("t", np.zeros(6, np.float32), (2, 3), (-3, 1), offset=4)):
        path.write_bytes(zip_file([tensor]))
        with pytest.raises(UnsafePickle):
            read_torch(path)


class Touch:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> object:
        return os.system, (f"touch {self.marker}",)


def test_hostile_file_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    hostile = pickle.dumps({"a": Touch(marker)}, 2)
    head = legacy_file([])
    old = head.replace(pickled([], legacy=True), hostile)
    assert old != head
    for data in (zip_file([], hostile), old, hostile):
        path.write_bytes(data)
        with pytest.raises((UnsafePickle, WeightsError), match="weights.pth"):
            read_torch(path)
        assert not marker.exists()


def test_a_whole_module_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(zip_file([], b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81."))
    with pytest.raises(UnsafePickle, match="torch.nn.modules.linear.Linear.*state_dict"):
        read_torch(path)


def test_a_tar_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\0" * 400)
    with pytest.raises(WeightsError, match="tar archive"):
        read_torch(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing.pth"):
        read_torch(tmp_path / "nothing.pth")


@pytest.mark.parametrize("form", [zip_file, legacy_file])
def test_any_one_wrong_byte_is_an_error_or_other_numbers(tmp_path: Path, form: object) -> None:
    path = tmp_path / "weights.pth"
    data = form(TENSORS[:2])  # type: ignore[operator]
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1:])
        with contextlib.suppress(WeightsError, UnsafePickle):
            read_torch(path)


def test_what_is_shared_is_made_once(tmp_path: Path) -> None:
    nested: list[object] = []
    for _ in range(200):  # 2^200 entries, for a reader that makes each of them
        nested = [nested, nested]
    path = tmp_path / "weights.pth"
    path.write_bytes(zip_file([], data_pkl=pickle.dumps({"model": nested}, 2)))
    found = read_torch(path)["model"]
    assert found[0] is found[1]
