"""A box as a STEP file (AP214), written by hand: eight corners, twelve edges, six plane faces."""

from __future__ import annotations

from itertools import product

CORNERS = list(product((0, 1), repeat=3))
# Corner numbers of each face, counter-clockwise from outside.
FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def step_box(size: tuple[float, float, float]) -> str:
    """The text of a .step file with a box of a size in millimetres."""
    writer = _Writer()
    return writer.file(writer.solid(size))


class _Writer:
    """Numbers the entities of a STEP file."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.edges: dict[tuple[int, int], int] = {}

    def add(self, text: str) -> int:
        self.lines.append(f"#{len(self.lines) + 1}={text};")
        return len(self.lines)

    def point(self, place: tuple[float, ...]) -> int:
        return self.add(f"CARTESIAN_POINT('',({','.join(f'{float(x)}' for x in place)}))")

    def direction(self, along: tuple[float, ...]) -> int:
        return self.add(f"DIRECTION('',({','.join(f'{float(x)}' for x in along)}))")

    def solid(self, size: tuple[float, float, float]) -> int:
        places = [tuple(c * s for c, s in zip(corner, size)) for corner in CORNERS]
        vertices = [self.add(f"VERTEX_POINT('',#{self.point(place)})") for place in places]
        faces = [self.face(face, places, vertices) for face in FACES]
        shell = self.add(f"CLOSED_SHELL('',({','.join(f'#{face}' for face in faces)}))")
        return self.add(f"MANIFOLD_SOLID_BREP('box',#{shell})")

    def edge(self, start: int, end: int, places: list, vertices: list[int]) -> int:
        low, high = min(start, end), max(start, end)
        if (low, high) not in self.edges:
            along = tuple(b - a for a, b in zip(places[low], places[high]))
            vector = self.add(f"VECTOR('',#{self.direction(_unit(along))},1.)")
            line = self.add(f"LINE('',#{self.point(places[low])},#{vector})")
            self.edges[low, high] = self.add(
                f"EDGE_CURVE('',#{vertices[low]},#{vertices[high]},#{line},.T.)")
        turn = ".T." if start < end else ".F."
        return self.add(f"ORIENTED_EDGE('',*,*,#{self.edges[low, high]},{turn})")

    def face(self, corners: tuple[int, ...], places: list, vertices: list[int]) -> int:
        edges = [self.edge(a, b, places, vertices)
                 for a, b in zip(corners, (*corners[1:], corners[0]))]
        loop = self.add(f"EDGE_LOOP('',({','.join(f'#{edge}' for edge in edges)}))")
        bound = self.add(f"FACE_OUTER_BOUND('',#{loop},.T.)")
        first, second, last = places[corners[0]], places[corners[1]], places[corners[-1]]
        u = _unit(tuple(b - a for a, b in zip(first, second)))
        v = _unit(tuple(b - a for a, b in zip(first, last)))
        normal = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        axes = self.add(f"AXIS2_PLACEMENT_3D('',#{self.point(first)},#{self.direction(normal)},"
                        f"#{self.direction(u)})")
        plane = self.add(f"PLANE('',#{axes})")
        return self.add(f"ADVANCED_FACE('',(#{bound}),#{plane},.T.)")

    def file(self, solid: int) -> str:
        """All entities, with the product that the solid is the shape of."""
        length = self.add("(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.))")
        angle = self.add("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
        solid_angle = self.add("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
        fine = self.add(f"UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-7),#{length},'','')")
        context = self.add(
            "(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT((#"
            f"{fine}))GLOBAL_UNIT_ASSIGNED_CONTEXT((#{length},#{angle},#{solid_angle}))"
            "REPRESENTATION_CONTEXT('',''))")
        axes = self.add(f"AXIS2_PLACEMENT_3D('',#{self.point((0, 0, 0))},"
                        f"#{self.direction((0, 0, 1))},#{self.direction((1, 0, 0))})")
        shape = self.add(f"ADVANCED_BREP_SHAPE_REPRESENTATION('',(#{axes},#{solid}),#{context})")
        application = self.add("APPLICATION_CONTEXT('automotive design')")
        about = self.add(f"PRODUCT_CONTEXT('',#{application},'mechanical')")
        product_ = self.add(f"PRODUCT('box','box','',(#{about}))")
        formation = self.add(f"PRODUCT_DEFINITION_FORMATION('','',#{product_})")
        design = self.add(f"PRODUCT_DEFINITION_CONTEXT('part definition',#{application},'design')")
        definition = self.add(f"PRODUCT_DEFINITION('design','',#{formation},#{design})")
        of = self.add(f"PRODUCT_DEFINITION_SHAPE('','',#{definition})")
        self.add(f"SHAPE_DEFINITION_REPRESENTATION(#{of},#{shape})")
        head = ("ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\n"
                "FILE_NAME('box','2024-01-01T00:00:00',(''),(''),'','','');\n"
                "FILE_SCHEMA(('AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }'));\nENDSEC;\nDATA;\n")
        return head + "\n".join(self.lines) + "\nENDSEC;\nEND-ISO-10303-21;\n"


def _unit(along: tuple[float, ...]) -> tuple[float, ...]:
    length = sum(x * x for x in along) ** 0.5
    return tuple(x / length for x in along)
