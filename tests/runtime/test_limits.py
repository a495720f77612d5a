"""What files claim, and how much of it is believed."""

from __future__ import annotations

import argparse

import pytest

from crossmodal.runtime import limits


@pytest.fixture(autouse=True)
def no_limit_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    monkeypatch.setattr(limits, "machine_memory", lambda: 8 * 2**30)


def test_a_file_gets_a_multiple_of_its_size_up_to_half_of_the_machine() -> None:
    assert limits.allowed(0) == 256 * 2**20
    assert limits.allowed(2**20) == (256 + 16) * 2**20
    assert limits.allowed(20 * 2**20) < 2**30
    assert limits.allowed(2**40) == limits.max_memory() == 4 * 2**30


def test_a_claim_is_refused_in_words() -> None:
    limits.check_claim("it", 256 * 2**20, 0)
    with pytest.raises(limits.TooLarge, match=r"v\.npy would take 6\.0 GiB.*a file of 6\.0 MiB may "
                                              r"take 352\.0 MiB.*--max-memory"):
        limits.check_claim("v.npy", 6 * 2**30, 6 * 2**20)


@pytest.mark.parametrize(("text", "size"), [("4G", 2**32), ("512M", 2**29), ("1.5 GiB", None),
                                            ("1.5GiB", 3 * 2**29), ("100000000", 10**8)])
def test_sizes_as_people_write_them(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(argparse.ArgumentTypeError):
            limits.memory_size(text)
    else:
        assert limits.memory_size(text) == size


@pytest.mark.parametrize("text", ["", "-4G", "4X", "0", "1M", "1e9", "9" * 5000, "NaN"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a size"):
        limits.memory_size(text)


def test_the_option_counts_from_then_on_and_in_child_processes(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.VARIABLE, "")  # put back after the test
    parser = argparse.ArgumentParser()
    limits.add_memory_option(parser)
    assert vars(parser.parse_args(["--max-memory", "3G"])) == {}
    assert limits.max_memory() == limits.allowed(0) == 3 * 2**30


def test_numbers_of_bytes_in_words() -> None:
    assert [limits.in_words(n) for n in (0, 2**10, 3 * 2**29, 10**400)] == [
        "0 bytes", "1.0 KiB", "1.5 GiB", "over 2^60 B"]
