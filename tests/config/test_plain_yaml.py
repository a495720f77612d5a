"""What a yaml text may be: plain values of a config's size; the rest is a line that says where."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from crossmodal.config import CategoryConfig, Config, ConfigError, load_config, load_tree
from crossmodal.config.plain_yaml import DEEPEST, LARGEST, MOST, BadYaml, load
from crossmodal.config.typed import LONGEST_TEXT


def laughs(inside: bool) -> str:
    """Aliases of aliases that mean 9^12 words: in one another, or line by line."""
    inner = "&c0 [x,x,x,x,x,x,x,x,x]"
    for i in range(1, 12):
        inner = f"&c{i} [{inner}," + ",".join([f"*c{i - 1}"] * 8) + "]"
    lines = "".join(f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}" if i else "x"] * 9) + "]\n"
                    for i in range(12))
    return f"data:\n  name: {inner}\n" if inside else lines


# What is no plain yaml, and a part of what is said of it.
BAD = {
    "laughs": (laughs(True), "with its aliases written out it has more than"),
    "laughs by lines": (laughs(False), "with its aliases written out it has more than"),
    "a long text many times": (f"a: &a {'x' * 5000}\nb: [{'*a, ' * 500}]", "aliases written out"),
    "deep lists": ("data: " + "[" * 3000, f"nested more than {DEEPEST} deep"),
    "deep mappings": ("{a: " * 3000, f"nested more than {DEEPEST} deep"),
    "deep lines": ("- " * 3000, f"nested more than {DEEPEST} deep"),
    "within itself": ("a: &a [*a]", "*a stands within itself"),
    "too long": ("# " + "x" * LARGEST, "a yaml text of 256.0 KiB; at most 256.0 KiB are read"),
    "too many": ("- x\n" * (MOST + 1), f"more than {MOST} keys and values"),
    "merge keys": ("a: &a {b: 1}\nc: {<<: *a}", "line 2, column 5: merge keys"),
    "list for a mapping": ("data: !!map [1, 2]", "line 1, column 7: expected a mapping node"),
    "text for a number": ("a: !!int abc", "line 1, column 4: 'abc' is no 'int'"),
    "text for a truth": ("a: !!bool abc", "'abc' is no 'bool'"),
    "date": ("seed: !!timestamp x", "the tag 'tag:yaml.org,2002:timestamp' is not read"),
    "bytes": ("a: !!binary '='", "binary' is not read"),
    "set": ("a: !!set {b, c}", "set' is not read"),
    "ordered": ("a: !!omap [b: 1]", "omap' is not read"),
    "pairs": ("a: !!pairs [b: 1]", "pairs' is not read"),
    "code": ("a: !!python/object/apply:os.system [id]", "is not read; write plain values"),
    "digits": ("a: " + "9" * 5000, "a number of 5000 digits"),
    "hexadecimal digits": ("a: 0x" + "f" * 5000, "a number of 5002 digits"),
    "long fraction": ("a: 1." + "5" * 5000, "a number of 5002 digits"),
    "list as a key": ("? [a]\n: 1", "a key must be a word"),
    "twice": ("1: a\n1: b", "line 2, column 1: the key 1 comes twice"),
    "NUL": ("a: 'b\0'", "unacceptable character #x0000"),
    "no letter": ('a: "\\U00110000"', "chr() arg not in range"),
    "two documents": ("a: 1\n---\nb: 2", "but found another document"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_plain_yaml_is_refused_in_a_line(name: str) -> None:
    text, words = BAD[name]
    with pytest.raises(BadYaml) as error:
        load(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize("name", BAD)
def test_a_config_of_it_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(BAD[name][0], encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400 + len(str(path))


@pytest.mark.parametrize(("text", "value"), [
    ("2026-12-01", "2026-12-01"), ("2026-31-12", "2026-31-12"), ("2026-12-01 10:00:00", None),
    ("=", "="), ("1:30", "1:30"), ("!!str 5", "5"), ("!!int '5'", 5), ("!!float 5", 5.0),
    ("!!seq [a]", ["a"]), ("!!map {a: 1}", {"a": 1}), ("!!null ''", None), ("!!bool yes", True),
    ("{b: &x [c], d: *x}", {"b": ["c"], "d": ["c"]}), ("[]", [])])
def test_plain_values(text: str, value: object) -> None:
    assert load(f"a: {text}") == {"a": text if value is None and ":" in text else value}


def test_laughs_take_no_memory() -> None:
    tracemalloc.start()
    for inside in (True, False):
        with pytest.raises(BadYaml):
            load(laughs(inside))
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize(("text", "words"), [
    ("seed=2026-13-01", "'seed' must be a int, found str '2026-13-01'"),
    ("seed=" + "9" * 5000, "cannot read the value of 'seed': line 1, column 1: a number of 5000"),
    ("seed=" + "9" * 100, "'seed' must be between -9223372036854775808 and 9223372036854775807, "
                          "not a number of 333 bits"),
    ("optim.lr=1" + "0" * 350, "'optim.lr' must be a finite number, not inf"),
    ("optim.lr=1e999", "'optim.lr' must be a finite number, not inf"),
    ("data.categories=" + "[" * 3000, f"'data.categories': line 1, column {DEEPEST + 1}: nested"),
    ("data.batch_size=" + "x" * 3000, "'data.batch_size' must be a int, found str 'xxx"),
    ("data.normalisation=" + "x" * 3000, "must be one of half, imagenet; found 'xxx"),
    ("data.flip=!!timestamp x", "is not read; write plain values"),
    ("x" * 3000 + "=1", "unknown key 'xxx"),
    ("x" * 3000, "expected key=value, found 'xxx"),
    ("data.name=a\0b", "'data.name' has a letter that no name can have: 'a\\x00b'"),
    ("data.name=a\nb", "'data.name' has a letter that no name can have: 'a\\nb'"),
    ("data.root=" + "x" * 5000, f"'data.root' must have at most {LONGEST_TEXT} letters, not 5000"),
])
def test_a_setting_is_never_shown_whole(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [text])
    assert f"--set: {words}" in str(error.value) or words in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(("text", "words"), [
    ('data:\n  name: "a\\0b"\n', "'data.name' has a letter that no name can have"),
    ('log:\n  run_name: "a\\ud800"\n', "'log.run_name' has a letter that no name can have"),
    ("log:\n  run_name: 5\n", "'log.run_name' must be a str, found int 5"),
    ("data: {" + "y" * 500 + ": 1}\n", "unknown key 'data.yyy"),
    ("data: {5: 1}\n", "unknown key 'data.5'"),
    ("data: {null: 1}\n", "unknown key 'data.None'"),
    ("data: {.nan: 1}\n", "unknown key 'data.nan'"),
    ("optim: {lr: .nan}\n", "'optim.lr' must be a finite number, not nan"),
])
def test_odd_keys_and_texts(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    for kind in (Config, CategoryConfig):
        with pytest.raises(ConfigError) as error:
            load_tree(kind, path)
        assert f"{path}: {words}" in str(error.value)


def test_a_run_may_be_named_by_a_date(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("log:\n  run_name: 2026-12-01\n")
    assert load_config(path).log.run_name == "2026-12-01"


def test_a_pipe_or_a_folder_is_no_config(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="pipe.yaml: cannot be read: is a pipe or a device"):
        load_config(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="cannot be read: is a folder; name a file"):
        load_config(tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "~nobody_of_this_name/a.yaml"])
def test_a_path_that_no_file_can_have(path: str) -> None:
    with pytest.raises(ConfigError, match="no such config: ") as error:
        load_config(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
