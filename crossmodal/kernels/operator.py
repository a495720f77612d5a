"""Jittor operators that call a compiled kernel."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from crossmodal.runtime import jt

Shape = Sequence[int]
# An argument of a kernel: a tensor, nothing (a null pointer), a whole number, a list of whole
# numbers, or any other number.
Argument = Union["jt.Var", None, int, Sequence[int], float]


def call(kernel: str, arguments: Sequence[Argument], shapes: Sequence[Shape],
         types: Sequence[str] | None = None) -> list[jt.Var]:
    """The outputs of ``crossmodal_<kernel>(arguments..., outputs...)``, contiguous tensors.

    Numbers reach the kernel as data: another number, or another size, compiles nothing anew.

    shapes, types : of the outputs; float32 where no type is given
    """
    inputs: list[jt.Var] = []
    numbers: list[float] = []
    lines: list[str] = []
    passed: list[str] = []
    declared: list[str] = []

    def number(value: float, kind: str = "::int64_t") -> str:
        numbers.append(float(value))
        return f'({kind})data["{len(numbers) - 1}"]'

    for argument in arguments:
        if isinstance(argument, jt.Var):
            passed.append(f"in{len(inputs)}_p")
            declared.append(f"const {_C_TYPES[str(argument.dtype)]}*")
            inputs.append(argument)
        elif argument is None:
            passed.append("nullptr")
            declared.append("const float*")
        elif isinstance(argument, Sequence):
            name = f"list{len(lines)}"
            values = ", ".join(number(value) for value in argument)
            lines.append(f"::int64_t {name}[] = {{{values}}};")
            passed.append(name)
            declared.append("const ::int64_t*")
        else:
            kind = "double" if isinstance(argument, float) else "::int64_t"
            passed.append(number(argument, kind))
            declared.append(kind)
    types = types or ["float32"] * len(shapes)
    passed += [f"out{i}_p" for i in range(len(shapes))]
    declared += [f"{_C_TYPES[kind]}*" for kind in types]
    header = f'#include <cstdint>\nextern "C" void crossmodal_{kernel}({", ".join(declared)});'
    source = "\n".join([*lines, f"crossmodal_{kernel}({', '.join(passed)});"])
    return jt.code([tuple(shape) for shape in shapes], list(types), inputs, cpu_header=header,
                   cpu_src=source, data={str(i): n for i, n in enumerate(numbers)})


_C_TYPES = {"float32": "float", "uint8": "uint8_t"}
