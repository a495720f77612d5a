"""One reader for every kind of file; wrappers, prefixes and number types are evened out."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from torch_files import whole, zip_file

from crossmodal.data.safe_pickle import UnsafePickle
from crossmodal.runtime import paths
from crossmodal.runtime.digest import file_digest
from crossmodal.weights import pretrained, safetensors_file
from crossmodal.weights.convert import convert, main
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.pretrained import check_named_digest, find_pretrained, read_pretrained
from crossmodal.weights.read import read_weights

RNG = np.random.default_rng(0)
TENSORS = {"conv1.weight": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32),
           "bn1.bias": RNG.normal(size=4).astype(np.float16),
           "fc.bias": RNG.normal(size=4),
           "count": np.array(3, np.int64)}


def jittor_file(value: object) -> bytes:
    """What jittor.save writes."""
    body = pickle.dumps(value, 4)
    return body + hashlib.sha1(body).digest() + b"HCAJSLHD"


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"weights{suffix}"
    if suffix == ".npz":
        np.savez(path, **TENSORS)
    elif suffix == ".pkl":
        path.write_bytes(jittor_file(TENSORS))
    elif suffix == ".safetensors":
        with path.open("wb") as file:
            safetensors_file.write(file, TENSORS, {})
    else:
        path.write_bytes(zip_file([whole(name, array) for name, array in TENSORS.items()]))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".safetensors", ".pth", ".pt"])
def test_every_kind_gives_the_same(tmp_path: Path, suffix: str) -> None:
    found = read_weights(write(tmp_path, suffix))
    assert found.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        expected = array.astype(np.float32) if array.dtype.kind == "f" else array
        assert found[name].dtype == expected.dtype and np.array_equal(found[name], expected)


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".safetensors", ".pth"])
@pytest.mark.parametrize("part", [0.0, 0.4, 0.9])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, part: float) -> None:
    path = write(tmp_path, suffix)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(WeightsError, match=path.name):
        read_weights(path)


def test_a_jittor_file_with_a_wrong_checksum(tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    data = bytearray(jittor_file(TENSORS))
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="checksum"):
        read_weights(path)


def test_wrappers_and_prefixes_come_off(tmp_path: Path) -> None:
    path = tmp_path / "run.pkl"
    inner = {f"module.{name}": array for name, array in TENSORS.items()}
    path.write_bytes(pickle.dumps({"epoch": 3, "lr": np.float32(0.1), "state_dict": inner}, 4))
    assert read_weights(path).keys() == TENSORS.keys()


def test_wrappers_without_end(tmp_path: Path) -> None:
    value: dict[str, object] = dict(TENSORS)
    for _ in range(2):
        value = {"state_dict": value, "model": {"epoch": 3}}
    path = tmp_path / "wrapped.pkl"
    path.write_bytes(jittor_file(value))
    assert set(read_weights(path)) == set(TENSORS)
    for _ in range(50):  # 5^50 paths through the names of wrappers
        value = dict.fromkeys(("state_dict", "model", "net", "network"), value)
    path.write_bytes(jittor_file(value))
    with pytest.raises(WeightsError, match="no tensors"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".npz", ".pkl", ".safetensors"])
def test_any_one_wrong_byte_is_an_error_or_other_numbers(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix)
    data = path.read_bytes()
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1:])
        with contextlib.suppress(WeightsError, UnsafePickle):
            read_weights(path)


def test_files_without_weights(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"epoch": 3, "names": ["a"]}))
    with pytest.raises(WeightsError, match="x.pkl.*no tensors"):
        read_weights(path)
    with pytest.raises(WeightsError, match="x.h5.*safetensors"):
        read_weights(tmp_path / "x.h5")


def test_an_npz_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(WeightsError, match="x.npz"):
        read_weights(path)
    (tmp_path / "y.pkl").write_bytes(pickle.dumps({"a": np.array([{1: 2}], dtype=object)}))
    with pytest.raises(UnsafePickle, match="y.pkl"):
        read_weights(tmp_path / "y.pkl")


def test_the_safetensors_library_agrees(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    path = write(tmp_path, ".safetensors")
    theirs = library.load_file(str(path))
    assert all(np.array_equal(theirs[name], TENSORS[name]) for name in TENSORS)
    library.save_file(TENSORS, str(tmp_path / "theirs.safetensors"), {"who": "they"})
    ours, about = safetensors_file.read(tmp_path / "theirs.safetensors")
    assert about == {"who": "they"}
    assert all(np.array_equal(ours[name], TENSORS[name]) for name in TENSORS)


def test_found_by_path_name_or_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pretrained_resnet"
    folder.mkdir()
    (folder / "README.md").write_text("no weights")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="tower9.*model.pretrained=none"):
        find_pretrained("tower9")
    later = write(folder, ".npz").rename(folder / "tower9-v2.npz")
    assert find_pretrained("tower9").name == later.name
    exact = write(folder, ".npz").rename(folder / "tower9.npz")
    assert find_pretrained("tower9").name == find_pretrained("tower9.npz").name == exact.name
    assert find_pretrained(str(later)) == later
    tensors, path, digest = read_pretrained("tower9")
    assert path.name == exact.name and digest == file_digest(exact)
    assert tensors.keys() == TENSORS.keys()


def test_the_digest_in_a_name_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path, ".pth")
    digest = file_digest(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    named = path.rename(tmp_path / f"resnet50-{digest[:8]}.pth")
    assert read_pretrained(str(named))[2] == digest
    wrong = named.rename(tmp_path / "resnet50-00000000.pth")
    with pytest.raises(WeightsError, match="resnet50-00000000.pth.*fetch it again"):
        read_pretrained(str(wrong))
    check_named_digest(Path("resnet50.pth"), digest)


def test_conversion(tmp_path: Path) -> None:
    source = write(tmp_path, ".pth")
    target = convert(source, tmp_path / "new" / "out.safetensors")
    assert read_weights(target).keys() == TENSORS.keys()
    assert safetensors_file.read(target)[1]["source_sha256"] == file_digest(source)
    assert main([str(source), str(target)]) == target


def test_conversion_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for arguments in (["no.pth", str(tmp_path / "o.safetensors")], ["no.pth", "o.npz"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code != 0
    assert "no.pth" in capsys.readouterr().err


def test_the_command_that_fetches_missing_weights_is_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / pretrained.FOLDER).mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="wget -P .*pretrained_resnet https://.*vgg19_bn-c79401"):
        find_pretrained("vgg19_bn")


def test_the_files_are_those_of_the_table() -> None:
    table = (paths.REPO_ROOT / pretrained.FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| `([\w.-]+)` \| (\S+) \|$", table, re.MULTILINE)
    assert {name: file for name, file, _ in listed} == pretrained.FILES
    assert all(url == pretrained.SOURCE + file for _, file, url in listed)
