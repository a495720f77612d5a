"""A gallery adds only what is new, survives what can happen to its files, and refuses the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.retrieval import gallery as gallery_files
from crossmodal.retrieval.gallery import (
    INDEX,
    Gallery,
    GalleryError,
    open_gallery,
    refuse_other_model,
    save_gallery,
)
from crossmodal.retrieval.gallery_update import (
    Changes,
    GalleryItem,
    GalleryModel,
    update_gallery,
)


def small(fingerprint: str = "m1", dtype: str = "float32") -> Gallery:
    tokens = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(dtype)
    return Gallery(["a/1", "a/2", "b/1"], ["a", "a", "b"], ["x", "y", "z"], tokens, fingerprint,
                   {"views": 2})


class Model:
    """Tokens that depend on an item's content alone; notes what it is asked for."""

    def __init__(self, contents: dict[str, int], broken: tuple[str, ...] = ()) -> None:
        self.contents, self.broken, self.asked = contents, broken, []

    def read(self, name: str) -> np.ndarray:
        self.asked.append(name)
        if name in self.broken:
            raise ValueError(f"{name} is torn")
        return np.full((2, 3, 3), self.contents[name], np.uint8)

    def embed(self, views: np.ndarray) -> np.ndarray:
        return np.stack([np.outer([1.0, 2.0], [v[0, 0, 0], 1.0, 0.5]) for v in views])

    def update(self, folder: Path, fingerprint: str = "m", **options) -> tuple[Gallery, Changes]:
        items = {name: GalleryItem(name.split("/")[0], str(content))
                 for name, content in self.contents.items()}
        return update_gallery(folder, items, GalleryModel(self.read, self.embed, fingerprint),
                              **options)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_saved_is_what_is_opened(tmp_path: Path, dtype: str) -> None:
    save_gallery(small(dtype=dtype), tmp_path)
    back = open_gallery(tmp_path)
    assert isinstance(back.tokens, np.memmap) and back.tokens.dtype == dtype
    np.testing.assert_array_equal(back.tokens, small(dtype=dtype).tokens)
    assert (back.ids, back.categories, back.digests) == (
        ["a/1", "a/2", "b/1"], ["a", "a", "b"], ["x", "y", "z"])
    assert (back.fingerprint, back.settings) == ("m1", {"views": 2})


def test_an_empty_gallery_is_a_gallery(tmp_path: Path) -> None:
    save_gallery(Gallery([], [], [], np.empty((0, 2, 4), np.float16), "m"), tmp_path)
    assert len(open_gallery(tmp_path)) == 0


def test_replacing_leaves_one_array_file(tmp_path: Path) -> None:
    save_gallery(small(), tmp_path)
    save_gallery(small(dtype="float16"), tmp_path)
    assert len(list(tmp_path.glob("tokens-*.npy"))) == 1
    assert open_gallery(tmp_path).tokens.dtype == np.float16


def tokens_file(folder: Path) -> Path:
    return next(folder.glob("tokens-*.npy"))


def corrupt_bytes(folder: Path) -> None:
    data = bytearray(tokens_file(folder).read_bytes())
    data[-3] ^= 0x40
    tokens_file(folder).write_bytes(bytes(data))


def change_index(folder: Path, **values: object) -> None:
    content = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps({**content, **values}))


@pytest.mark.parametrize(("damage", "message"), [
    (lambda f: tokens_file(f).write_bytes(b""), "not a readable array"),
    (lambda f: os.truncate(tokens_file(f), 150), "not a readable array"),
    (lambda f: tokens_file(f).unlink(), "not a readable array"),
    (corrupt_bytes, "bytes are not the ones that were written"),
    (lambda f: np.save(tokens_file(f), np.zeros((3, 2, 5), np.float32)), "gallery.json says"),
    (lambda f: (f / INDEX).write_text('{"format": 1, "ids"'), "not json"),
    (lambda f: (f / INDEX).write_text("[]"), "not a gallery of format 1"),
    (lambda f: (f / INDEX).write_text('{"format": 1}'), "missing"),
    (lambda f: change_index(f, ids=["a/1"]), "1 ids, 3 categories"),
    (lambda f: change_index(f, ids=["a/1", "a/1", "b/1"]), "must rise, each once"),
    (lambda f: change_index(f, tokens="../secret.npy"), "not what was written"),
    (lambda f: change_index(f, ids=7), "not what was written"),
])
def test_a_torn_gallery_is_refused_with_a_remedy(tmp_path: Path, damage, message: str) -> None:
    save_gallery(small(), tmp_path)
    damage(tmp_path)
    with pytest.raises(GalleryError, match=message) as caught:
        open_gallery(tmp_path)
    assert str(tmp_path) in str(caught.value) and "delete" in str(caught.value)


def test_no_gallery_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="no index here; make it with"):
        open_gallery(tmp_path)


def test_another_model_is_refused(tmp_path: Path) -> None:
    Model({"a/1": 1}).update(tmp_path, "one")
    with pytest.raises(GalleryError, match="made with model one, the checkpoint is two.*--rebuild"):
        Model({"a/1": 1}).update(tmp_path, "two")
    gallery, changes = Model({"a/1": 1}).update(tmp_path, "two", rebuild=True)
    assert gallery.fingerprint == "two" and changes.added == ["a/1"]
    refuse_other_model(gallery, "two", tmp_path)


def test_only_what_is_new_or_changed_is_embedded(tmp_path: Path) -> None:
    Model({"a/1": 1, "a/2": 2, "b/1": 3}).update(tmp_path)
    model = Model({"a/1": 1, "a/2": 9, "c/1": 4})
    gallery, changes = model.update(tmp_path)
    assert model.asked == ["a/2", "c/1"] == changes.added
    assert (changes.removed, changes.kept, changes.broken) == (["b/1"], 1, {})
    assert gallery.tokens[:, 0, 0].tolist() == [1, 9, 4]
    before = (tmp_path / INDEX).stat().st_mtime_ns
    model.update(tmp_path)
    assert (tmp_path / INDEX).stat().st_mtime_ns == before and len(model.asked) == 2


def test_a_broken_item_costs_itself_and_is_tried_again(tmp_path: Path) -> None:
    contents = {f"a/{i}": i for i in range(1, 20)}
    gallery, changes = Model(contents, broken=("a/7", "a/12")).update(tmp_path)
    assert len(gallery) == 17 and changes.broken["a/7"] == "a/7 is torn"
    gallery, changes = Model(contents).update(tmp_path)
    assert len(gallery) == 19 and sorted(changes.added) == ["a/12", "a/7"]


def test_an_embedding_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    model = Model({"a/1": 1, "a/2": 2})
    embed = model.embed
    model.embed = lambda views: np.where(views[:, :1, :1, 0] == 2, np.nan, embed(views))
    gallery, changes = model.update(tmp_path)
    assert list(gallery.ids) == ["a/1"] and list(changes.broken) == ["a/2"]


def test_all_items_broken_leaves_an_empty_gallery(tmp_path: Path) -> None:
    gallery, changes = Model({"a/1": 1}, broken=("a/1",)).update(tmp_path)
    assert len(gallery) == 0 and list(changes.broken) == ["a/1"]
    assert len(Model({"a/1": 1}).update(tmp_path)[0]) == 1


def test_interrupted_it_keeps_what_it_had(tmp_path: Path) -> None:
    model = Model({f"a/{i:02d}": i for i in range(20)})
    embed, calls = model.embed, []

    def stop_at_third(views: np.ndarray) -> np.ndarray:
        calls.append(len(views))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return embed(views)

    model.embed = stop_at_third
    with pytest.raises(KeyboardInterrupt):
        model.update(tmp_path, batch=4)
    assert len(open_gallery(tmp_path)) == 8
    model.embed = embed
    gallery, changes = model.update(tmp_path)
    assert len(gallery) == 20 and len(changes.added) == 12


def test_an_update_that_fails_at_once_changes_nothing(tmp_path: Path) -> None:
    """All items are new in content, and not one is embedded before the end."""
    for options in ({}, {"rebuild": True}):
        folder = tmp_path / str(len(options))
        Model({f"a/{i}": i for i in range(9)}).update(folder)
        before = files_of(folder)
        for failure in (KeyboardInterrupt, MemoryError):
            model = Model({f"a/{i}": i + 10 for i in range(9)})
            stop_at(model, 1, failure)
            with pytest.raises(failure):
                model.update(folder, batch=4, **options)
            assert files_of(folder) == before


def test_an_interrupted_update_keeps_the_old_beside_the_new(tmp_path: Path) -> None:
    Model({f"a/{i}": i for i in range(9)}).update(tmp_path)
    model = Model({f"a/{i}": i + 10 for i in range(9)})
    embed = stop_at(model, 2)
    with pytest.raises(KeyboardInterrupt):
        model.update(tmp_path, batch=4)
    assert open_gallery(tmp_path).tokens[:, 0, 0].tolist() == [10, 11, 12, 13, 4, 5, 6, 7, 8]
    model.embed = embed
    gallery, changes = model.update(tmp_path)
    assert gallery.tokens[:, 0, 0].tolist() == list(range(10, 19))
    assert changes.added == [f"a/{i}" for i in range(4, 9)] and changes.kept == 4


def test_an_interrupted_rebuild_leaves_the_old_gallery_and_goes_on(tmp_path: Path) -> None:
    contents = {f"a/{i}": i for i in range(9)}
    Model(contents).update(tmp_path, "one")
    before = files_of(tmp_path)
    model = Model(contents)
    embed = stop_at(model, 3)
    with pytest.raises(KeyboardInterrupt):
        model.update(tmp_path, "two", batch=3, rebuild=True)
    assert files_of(tmp_path) == before and len(open_gallery(tmp_path)) == 9
    model.embed = embed
    gallery, changes = model.update(tmp_path, "two", rebuild=True)
    assert (len(gallery), gallery.fingerprint) == (9, "two")
    assert changes.added == ["a/6", "a/7", "a/8"] and changes.kept == 6
    assert sorted(p.name for p in tmp_path.iterdir())[0] == INDEX
    assert len(list(tmp_path.iterdir())) == 2
    assert Model(contents).update(tmp_path, "two", rebuild=True)[1].added == sorted(contents)


@pytest.mark.parametrize("options", [{"fingerprint": "three"}, {"dtype": "float32"}])
def test_a_rebuild_of_another_kind_starts_anew(tmp_path: Path, options: dict[str, str]) -> None:
    model = Model({f"a/{i}": i for i in range(6)})
    embed = stop_at(model, 2)
    with pytest.raises(KeyboardInterrupt):
        model.update(tmp_path, "two", batch=3, rebuild=True)
    model.embed = embed
    _, changes = model.update(tmp_path, **{"fingerprint": "two", "rebuild": True, **options})
    assert len(changes.added) == 6


def stop_at(model: Model, call: int, failure: type[BaseException] = KeyboardInterrupt):
    """Let the model's embedding fail at a call; returns what embeds without that."""
    embed, calls = model.embed, []

    def embed_until(views: np.ndarray) -> np.ndarray:
        calls.append(len(views))
        if len(calls) == call:
            raise failure
        return embed(views)

    model.embed = embed_until
    return embed


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("updates", [1, 3])
def test_a_reader_whose_tokens_are_replaced_reads_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int
) -> None:
    save_gallery(small(), tmp_path)
    read, left = gallery_files._read_index, list(range(updates))

    def read_and_update(path: Path):
        index = read(path)
        if left:
            tokens = np.full((1, 1, 2), left.pop())
            save_gallery(Gallery(["a"], ["a"], ["x"], tokens, "m"), tmp_path)
        return index

    monkeypatch.setattr(gallery_files, "_read_index", read_and_update)
    assert open_gallery(tmp_path).tokens.tolist() == [[[0, 0]]]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9/1")
    save_gallery(Gallery([name], [name[:4]], ["x"], np.ones((1, 1, 2)), "m"), tmp_path)
    back = open_gallery(tmp_path)
    assert back.ids == [name] and back.categories == [name[:4]]


@pytest.mark.skipif(os.name == "nt", reason="limits the size of files as POSIX systems do")
@pytest.mark.parametrize("missing", [1, 1000, 150_000])
def test_a_full_disk_leaves_the_gallery_that_was_there(tmp_path: Path, missing: int) -> None:
    save_gallery(small(), tmp_path)
    before = files_of(tmp_path)
    code = (
        "import resource, signal, sys, numpy\n"
        "from crossmodal.retrieval.gallery import Gallery, save_gallery\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"limit = 128 + 200_000 - {missing}\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "tokens = numpy.ones((1, 1, 50_000), numpy.float32)\n"
        "save_gallery(Gallery(['a'], ['a'], ['x'], tokens, 'm'), sys.argv[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert ended.returncode == 1 and "OSError" in ended.stderr
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("shape", [(3, 2, 4), (0, 0, 0)])
def test_tokens_are_written_as_numpy_writes_them(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tokens = np.arange(np.prod(shape), dtype=np.float16).reshape(shape)
    save_gallery(Gallery(*[[str(i) for i in range(len(tokens))]] * 3, tokens, "m"), tmp_path)
    np.save(tmp_path / "expected.npy", tokens)
    assert tokens_file(tmp_path).read_bytes() == (tmp_path / "expected.npy").read_bytes()


@given(first=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5), min_size=1),
       second=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5), min_size=1),
       batch=st.integers(1, 4))
def test_history_leaves_no_trace(tmp_path_factory, first: dict, second: dict, batch: int) -> None:
    grown, fresh = tmp_path_factory.mktemp("grown"), tmp_path_factory.mktemp("fresh")
    Model(first).update(grown, batch=batch)
    Model(second).update(grown, batch=batch)
    Model(dict(reversed(list(second.items())))).update(fresh)
    assert {p.name: p.read_bytes() for p in grown.iterdir()} == {
        p.name: p.read_bytes() for p in fresh.iterdir()}
