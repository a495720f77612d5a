"""Find the 3D shape a photo shows, in a folder of meshes of one's own.

    python -m crossmodal.search index --meshes my_meshes --checkpoint runs/demo --index my_index
    python -m crossmodal.search query --index my_index --checkpoint runs/demo --image photo.jpg

Index again whenever meshes were added, changed or removed: only these are rendered and embedded.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np

from crossmodal.prepare.items import check_folder
from crossmodal.prepare.options import add_mesh_options
from crossmodal.retrieval.gallery import Gallery, open_gallery, refuse_file
from crossmodal.retrieval.gallery_update import Changes
from crossmodal.retrieval.grid import Cell, Row, draw_grid
from crossmodal.retrieval.library import (
    Hit,
    QueryEncoder,
    index_library,
    read_views,
    search,
    view_settings,
)
from crossmodal.retrieval.query_image import QueryPicture, load_query
from crossmodal.runtime.brief import one_line
from crossmodal.runtime.limits import add_memory_option
from crossmodal.runtime.log import get_logger, output_encoding, say
from crossmodal.runtime.options import add_whole, add_workers
from crossmodal.runtime.os_errors import told
from crossmodal.runtime.worker_pool import meanwhile

logger = get_logger(__name__)
SHOWN_VIEW = 1  # of an item's views, in the picture grid: obliquely from the front
LoadEncoder = Callable[[Path, str], QueryEncoder]


def main(arguments: Sequence[str] | None = None, load: LoadEncoder | None = None) -> int:
    """Run the command line; returns the exit code. `load` makes the encoder of a checkpoint."""
    options = _parser().parse_args(arguments)
    try:
        run = _index if options.command == "index" else _query
        run(options, load or load_encoder)
    except (ValueError, OSError, RuntimeError) as error:
        logger.error("%s", told(error) if isinstance(error, OSError) else error)
        logger.debug("where it happened", exc_info=True)
        return 1
    except KeyboardInterrupt:
        kept = "; what was rendered and embedded is kept: run the same command again to go on"
        logger.error("interrupted%s", kept if options.command == "index" else "")
        return 130
    return 0


def load_encoder(checkpoint: Path, device: str) -> QueryEncoder:
    """The encoder of a checkpoint; Jittor is imported here."""
    from crossmodal import checkpoint as files

    if not list(Path(checkpoint).glob(f"*{files.SUFFIX}")):
        files.find(checkpoint)  # what is not there is told before Jittor is made ready
    from crossmodal.models.encode import Encoder

    return Encoder.from_checkpoint(checkpoint, device)


def _index(options: argparse.Namespace, load: LoadEncoder) -> None:
    refuse_file(options.index)
    check_folder(options.meshes)
    encoder = load(options.checkpoint, options.device)
    started = time.perf_counter()
    gallery, changes = index_library(options.meshes, options.index, encoder, options.workers,
                                     options.rebuild, options.layout, options.up)
    say(_found(gallery, changes))
    say(
        f"{len(gallery)} shapes in {options.index}: {len(changes.added)} new or changed, "
        f"{changes.kept} kept, {len(changes.removed)} removed, {len(changes.broken)} broken, "
        f"in {time.perf_counter() - started:.1f} s\n")
    for name, reason in sorted(changes.broken.items()):
        say(f"  broken: {_plain(name)}: {one_line(reason, 500)}\n")


def _found(gallery: Gallery, changes: Changes) -> str:
    """What became of the models that were found."""
    unsupported = sum(changes.unsupported.values())
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in changes.unsupported.items())
    broken = len(changes.broken)
    return (f"{len(gallery) + unsupported + broken} found: {len(gallery)} indexed, {unsupported} "
            f"not supported{f' ({kinds})' if kinds else ''}, {broken} broken\n")


def _plain(name: str) -> str:
    """A file's name without what a terminal would take for a command."""
    return "".join(c if c.isprintable() or c >= "\x80" else repr(c)[1:-1] for c in name)


def _query(options: argparse.Namespace, load: LoadEncoder) -> None:
    _refuse_folders(options)
    started = time.perf_counter()
    with meanwhile(load_query, options.image, options.mask, options.whole) as read:
        gallery = open_gallery(options.index)
        encoder = load(options.checkpoint, options.device)
        gray = np.full((64, 64, 3), 128, np.uint8)
        encoder.encode_images([(gray, None)])  # compiles what the query would have to wait for
        picture = read()
    loaded = time.perf_counter()
    hits = search(gallery, encoder, [picture], options.top)[0]
    seconds = {"load": loaded - started, "query": time.perf_counter() - loaded}
    if options.grid:
        _draw(options, gallery, picture, hits)
    text = _json(options, gallery, picture, hits, seconds) if options.json else _table(
        options, gallery, picture, hits, seconds)
    say(text)


def _refuse_folders(options: argparse.Namespace) -> None:
    """Raise ValueError where a folder is given in the place of a picture."""
    for name in ("image", "mask", "grid"):
        path = getattr(options, name)
        if path and path.is_dir():
            what = "write, such as grid.png" if name == "grid" else "look for"
            raise ValueError(f"{path} is a folder; --{name} takes the file of a picture to {what}")


def _table(
    options: argparse.Namespace, gallery: Gallery, picture: QueryPicture, hits: Sequence[Hit],
    seconds: dict[str, float],
) -> str:
    width = max(len(hit.id) for hit in hits)
    lines = [f"{options.image}, object: {picture.found}"]
    lines += [f"{rank:4d}  {hit.id:<{width}}  {hit.score:.4f}" for rank, hit in enumerate(hits, 1)]
    lines.append(f"{len(gallery)} shapes searched in {seconds['query']:.2f} s "
                 f"(model loaded in {seconds['load']:.1f} s)")
    return "\n".join(lines) + "\n"


def _json(
    options: argparse.Namespace, gallery: Gallery, picture: QueryPicture, hits: Sequence[Hit],
    seconds: dict[str, float],
) -> str:
    content: dict[str, Any] = {
        "image": str(options.image),
        "object": picture.found,
        "gallery_size": len(gallery),
        "seconds": seconds,
        "hits": [{"rank": rank, "id": hit.id, "category": hit.category, "score": hit.score}
                 for rank, hit in enumerate(hits, 1)],
    }
    plain = not output_encoding().startswith("utf")
    return json.dumps(content, indent=1, ensure_ascii=plain) + "\n"


def _draw(
    options: argparse.Namespace, gallery: Gallery, picture: QueryPicture, hits: Sequence[Hit]
) -> None:
    """Write the picture grid; a view that is not there leaves its place empty."""
    settings = view_settings(gallery, options.index)
    cells = []
    for hit in hits:
        try:
            views = read_views(options.index, hit.id, settings)
            view: np.ndarray | None = views[min(SHOWN_VIEW, len(views) - 1)]
        except ValueError as error:
            logger.warning("left out of the grid: %s", error)
            view = None
        cells.append(Cell(view, f"{hit.id}\n{hit.score:.3f}"))
    query = Cell(picture.rgb, f"{Path(options.image).name}\n{picture.found}")
    draw_grid([Row(query, cells)], options.grid)


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m crossmodal.search", description=summary)
    commands = parser.add_subparsers(dest="command", required=True)
    index = commands.add_parser("index", help="make an index of a folder, or bring it up to date")
    index.add_argument("--meshes", type=Path, required=True,
                       help="folder of meshes, at any depth: .obj, .ply, .glb, .stl, .off, .npz")
    add_mesh_options(index)
    add_workers(index, "rendering processes")
    index.add_argument("--rebuild", action="store_true",
                       help="make it again, also with another model or other views")
    query = commands.add_parser("query", help="find the shapes that a picture shows")
    query.add_argument("--image", type=Path, required=True, help="photo of any size and format")
    query.add_argument("--mask", type=Path, help="picture, white where the object is")
    query.add_argument("--whole", action="store_true", help="do not look for the object")
    add_whole(query, "--top", 1, 10_000, "shapes to show", 10)
    query.add_argument("--grid", type=Path, help="write the ranked pictures to this .png")
    query.add_argument("--json", action="store_true", help="print json instead of a table")
    for command in (index, query):
        command.add_argument("--index", type=Path, required=True, help="folder of the index")
        command.add_argument("--checkpoint", type=Path, required=True,
                             help="a run's folder or a .safetensors file")
        command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        add_memory_option(command)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
