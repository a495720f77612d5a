"""Weights as training scripts leave them, whatever the file is called and wherever they lie."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from crossmodal.weights.errors import WeightsError
from crossmodal.weights.read import read_weights

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
MARK = b"HCAJSLHD"


def jittor_pickle(tree: object) -> bytes:
    """As jittor.save writes it: a pickle, its SHA-1, a mark."""
    body = pickle.dumps(tree, 4)
    return body + hashlib.sha1(body).digest() + MARK


class Var:
    """A Jittor variable's pickle asks for `jittor.jittor_core.Var` of an array."""

    def __reduce__(self) -> tuple:
        return Var, (WEIGHT,)


def var_pickle() -> bytes:
    """A dict of variables, pickled by Jittor's Module.save: the class under its own name there."""
    text = pickle.dumps({"fc.weight": Var()}, 2)
    name = f"c{__name__}\nVar\n".encode()
    assert name in text
    body = text.replace(name, b"cjittor\njittor_core.Var\n")
    return body + hashlib.sha1(body).digest() + MARK


@pytest.mark.parametrize("name", ["a.pkl", "a.pth", "a.pt", "a.pth.tar", "a.ckpt", "a.bin"])
def test_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(jittor_pickle({"fc.weight": WEIGHT}))
    np.testing.assert_array_equal(read_weights(tmp_path / name)["fc.weight"], WEIGHT)


def test_jittor_variables_are_arrays(tmp_path: Path) -> None:
    (tmp_path / "net.pkl").write_bytes(var_pickle())
    np.testing.assert_array_equal(read_weights(tmp_path / "net.pkl")["fc.weight"], WEIGHT)


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "module", "model_ema", "params_ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.module.", "_orig_mod.module."])
def test_wherever_the_network_lies(tmp_path: Path, wrapper: str, prefix: str) -> None:
    tree = {"epoch": 3, wrapper: {f"{prefix}fc.weight": WEIGHT}}
    (tmp_path / "a.pkl").write_bytes(jittor_pickle(tree))
    assert list(read_weights(tmp_path / "a.pkl")) == ["fc.weight"]


def test_of_a_network_and_its_average_the_network_is_taken(tmp_path: Path) -> None:
    tree = {"model_ema": {"w": WEIGHT * 0}, "model": {"w": WEIGHT}}
    (tmp_path / "a.pkl").write_bytes(jittor_pickle(tree))
    np.testing.assert_array_equal(read_weights(tmp_path / "a.pkl")["w"], WEIGHT)


def test_another_key_is_named(tmp_path: Path) -> None:
    tree = {"teacher": {"a": WEIGHT, "b": WEIGHT}, "epoch": 3}
    (tmp_path / "a.pkl").write_bytes(jittor_pickle(tree))
    with pytest.raises(WeightsError, match=r"a.pkl: no tensors in it but under 'teacher' \(2\)"):
        read_weights(tmp_path / "a.pkl")


def test_a_program_is_told_from_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}))
        archive.writestr("net/constants.pkl", b"")
        archive.writestr("net/code/__torch__.py", "class Net: ...")
    with pytest.raises(WeightsError, match="a TorchScript program; load it in torch and save"):
        read_weights(tmp_path / "a.pt")


def test_numbers_of_8_bits_are_named(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"ab")
    with pytest.raises(WeightsError, match="numbers of type F8_E4M3.*save them as float16"):
        read_weights(path)


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors", ".npz", ".ckpt"])
@pytest.mark.parametrize("content, what", [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a git LFS pointer"),
    (b"<!DOCTYPE html>\n<html><body>404</body></html>", "a web page")])
def test_what_a_file_really_is_is_said(
    tmp_path: Path, suffix: str, content: bytes, what: str
) -> None:
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(WeightsError, match=f"a{suffix}: this is {what}"):
        read_weights(tmp_path / f"a{suffix}")
