"""Every command of the README and of the pages in docs/, run as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from many_starts import run_all
from tiny_project import Project

from crossmodal.data.records import read_list

CATEGORY = ("python train_image_sag_CO2_con.py", "python test.py")
OWN = "python -m crossmodal.prepare.own_library "
INSPECT = "python -m crossmodal.prepare.inspect "
PREPARE, CHECKPOINT = "python -m crossmodal.prepare.", "python -m crossmodal.checkpoint "
DOWNLOADS = ("wget ", "unzip ", "git clone ")  # not run: gigabytes, and other people's servers
ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
README_LINES = 120


def commands() -> list[str]:
    """The lines of the documents' bash blocks, each once."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(lines))


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a document in a folder, with this Python."""
    words = shlex.split(command)
    words[0] = sys.executable if words[0] == "python" else words[0]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600)


def of_kind(start: str) -> list[str]:
    return [command for command in commands() if command.startswith(start)]


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES
    for document in DOCUMENTS:
        links = re.findall(r"\]\(([^)#:]+)[^):]*\)", document.read_text())
        lost = [link for link in links if not (document.parent / link).exists()]
        assert lost == [], document


def test_every_command_is_run_by_a_test_below() -> None:
    kinds = ("make ", "python -m crossmodal.search ", PREPARE, CHECKPOINT,
             "python RetrievalNet_", *CATEGORY, *DOWNLOADS)
    assert [command for command in commands() if not command.startswith(kinds)] == []
    assert all(of_kind(kind) for kind in kinds)


def test_make_targets_name_files_that_are_there(repo_root: Path) -> None:
    for command in of_kind("make "):
        done = run(command + " --dry-run VENV=" + str(Path(sys.prefix)), repo_root)
        assert done.returncode == 0, done.stderr
        for folder, part in re.findall(r"cd (\w+-level)(.*?)(?=\ncd |\Z)", done.stdout, re.DOTALL):
            for script in re.findall(r"python (\w+\.py)", part):
                assert (repo_root / folder / script).is_file()
        for config in re.findall(r"--config (\S+)", done.stdout):
            assert (repo_root / config).is_file()


def test_search_finds_shapes_in_a_folder_of_meshes(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder / "tiny" / "model", tmp_path / "my_meshes")
    shutil.copytree(project.folder / "runs" / "tiny", tmp_path / "runs" / "demo")
    photo = next((project.folder / "tiny" / "img").rglob("*.jpg"))
    shutil.copy(photo, tmp_path / "photo.jpg")
    for command in [*of_kind(INSPECT), *of_kind("python -m crossmodal.search ")]:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stderr
    for name in ("found.png", "sheet.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_converters_start_and_name_all_that_they_need(tmp_path: Path) -> None:
    """Also the options: these are parsed before anything is looked for."""
    for command in of_kind(PREPARE):
        if command.startswith((OWN, INSPECT)):
            continue
        done = run(command, tmp_path)
        source = command.partition("--source ")[2].split()[0]
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "the source is not complete. Missing:" in done.stderr and source in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_meshes_becomes_a_data_set(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder / "tiny" / "model" / "chair", tmp_path / "my_meshes" / "chair")
    for command in of_kind(OWN):
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stderr
    records = read_list(tmp_path / "data" / "mine" / "mine_test.json")
    assert {str(record.shape) for record in records} == {f"chair/chair_00{i}" for i in range(3)}


def test_a_released_network_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for command in of_kind(CHECKPOINT):
        done = run(command, tmp_path)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "released_network.pkl: " in done.stderr


def test_the_papers_commands_start_and_say_what_they_need(repo_root: Path) -> None:
    data = ("mine", "pix3d", "stanfordcars", "compcars")
    if any((repo_root / "data" / name).exists() for name in data):
        pytest.skip("data of the paper is there: the commands would really train")
    given = of_kind("python RetrievalNet_")
    results = run_all([shlex.split(c)[1:] for c in given], repo_root / "Instance-level")
    for command, (status, said) in zip(given, results):
        assert status == 1 and "Traceback" not in said, (command, said)
        assert re.search("mine|pix3d|stanfordcars|compcars|runs.released", said), (command, said)


def test_the_papers_category_commands_start_and_say_what_they_need(repo_root: Path) -> None:
    if any((repo_root / "data" / name).exists() for name in ("mi3dor1", "mi3dor2", "office31")):
        pytest.skip("data of the paper is there: the commands would really train")
    given = [command for kind in CATEGORY for command in of_kind(kind)]
    results = run_all([shlex.split(c)[1:] for c in given], repo_root / "Category-level")
    for command, (status, said) in zip(given, results):
        assert status == 1 and "Traceback" not in said, (command, said)
        assert re.search("mi3dor|office31|runs.[AWD]2[AWD]", said), (command, said)
