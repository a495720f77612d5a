"""What Jittor 1.3.11 needs changed to run with NumPy 2, Python 3.13 and g++ 15, and newer ones.

Each change names a file of Jittor's, the text it expects there, once, and the text to put instead.
:mod:`crossmodal.runtime.jittor_overlay` makes them in copies; Jittor itself stays as installed.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crossmodal.runtime.checks import check_compiler
from crossmodal.runtime.errors import SetupError

NEW_NUMPY, NEW_PYTHON, NEWER_PYTHON = "NumPy 2", "Python 3.13", "Python 3.14"
NEW_COMPILER = "g++ 15"


class Patch(NamedTuple):
    """One change of one file, which is needed with the named program or a newer one."""

    file: str  # below the folder that holds the packages jittor and jittor_utils
    needed_by: str
    expected: str
    instead: str


def numpy_generation() -> int:
    """The first number of NumPy's version: its arrays lie differently in memory since 2."""
    return int(np.__version__.partition(".")[0])


@functools.cache
def gnu_generation() -> int:
    """The first number of g++'s version; 0 where Jittor's compiler is another."""
    compiler = check_compiler()
    if not Path(compiler).name.startswith("g++"):
        return 0
    said = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True).stdout
    first = said.partition(".")[0].strip()
    return int(first) if first.isdigit() else 0


def needed() -> list[Patch]:
    """The changes that what is installed here needs; none with older versions."""
    given = {
        NEW_NUMPY: numpy_generation() >= 2,
        NEW_PYTHON: sys.version_info >= (3, 13),
        NEWER_PYTHON: sys.version_info >= (3, 14),
        NEW_COMPILER: gnu_generation() >= 15,
    }
    return [patch for patch in PATCHES if given[patch.needed_by]]


def patched(text: str, patches: list[Patch], numpy_is_allowed: bool) -> str:
    """The text of one file of Jittor's with the changes made; as it is where it is mended.

    Text that is not there as expected counts as mended by a newer Jittor where that would be seen:
    where Jittor states that it takes this NumPy, and where it would fail, not compute wrongly.

    Parameters
    ----------
    numpy_is_allowed : Jittor's own requirements admit the installed NumPy.

    Raises
    ------
    SetupError : the text is another one, and whether it is right cannot be told.
    """
    for patch in patches:
        count = text.count(patch.expected)
        if count == 1:
            text = text.replace(patch.expected, patch.instead)
        elif count or (patch.needed_by == NEW_NUMPY and not numpy_is_allowed):
            raise SetupError(
                f"this Jittor cannot be made to run with {patch.needed_by}: {patch.file} differs "
                "from that of Jittor 1.3.11. Run `pip install --no-deps jittor==1.3.11.0`."
            )
    return text


_HEADER, _SOURCE = "jittor/src/pyjt/numpy.h", "jittor/src/pyjt/numpy.cc"
_CONVERTER = "jittor/src/pyjt/py_converter.h"
_COMPILER, _UTILS = "jittor/compiler.py", "jittor_utils/__init__.py"

PATCHES = [
    # What describes the type of an array: NumPy 2 has wider flags, and sizes of 64 bits.
    Patch(_HEADER, NEW_NUMPY, """\
    char flags;
    int type_num;
    int elsize;
    int alignment;
""", """\
    char former_flags;
    int type_num;
    unsigned long long flags;
    Py_ssize_t elsize;
    Py_ssize_t alignment;
"""),
    # Jittor copies the bytes of an array in C order, so they must be as it keeps them: aligned, in
    # this machine's byte order, of its type's size (a long double it takes for a double).
    Patch(_HEADER, NEW_NUMPY, """\
inline bool is_c_style(PyArray_Proxy* obj) { return obj->flags & 1; }
""", """\
inline bool is_c_style(PyArray_Proxy* obj) {
    auto type = obj->descr;
    const int wanted = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
    return (obj->flags & wanted) == wanted && type->byteorder != '>' &&
        (type->type_num >= NPY_END || type->elsize == npy2ns[type->type_num].dsize());
}
"""),
    Patch(_HEADER, NEW_NUMPY, """\
#define PyArray_Copy(obj) PyArray_NewCopy(obj, 0)
""", """\
EXTERN_LIB PyArrayDescr_Proxy* (*PyArray_DescrFromType)(int);
inline PyObject* as_c_style(PyObject* obj) {
    PyObjHolder array(PyArray_FromAny(obj, NULL, 0, 0, 0, NULL));
    if (is_c_style((PyArray_Proxy*)array.obj)) return array.release();
    auto type = PyArray_DescrFromType(get_typenum(get_type_str((PyArray_Proxy*)array.obj)));
    const int c_style_by_force = 0x0001 | 0x0010 | 0x0100 | 0x0400;
    return PyArray_FromAny(array.obj, type, 0, 0, c_style_by_force, NULL);
}
#define PyArray_Copy(obj) as_c_style(obj)
"""),
    Patch(_HEADER, NEW_NUMPY, """\
#define PyArray_FROM_O(m) PyArray_FromAny(m, NULL, 0, 0, 0, NULL)
""", """\
#define PyArray_FROM_O(m) as_c_style(m)
"""),
    # Entry 82 of NumPy 2's table of functions is empty; another NumPy's table is not used at all.
    Patch(_SOURCE, NEW_NUMPY, """\
    fill(PyArray_CopyInto, 82);
""", """\
    fill(PyArray_CopyInto, 50);
    fill(PyArray_DescrFromType, 45);
    unsigned int (*PyArray_GetNDArrayCVersion)();
    fill(PyArray_GetNDArrayCVersion, 0);
    CHECK((PyArray_GetNDArrayCVersion() >> 24) == 2) << "compiled for NumPy 2";
"""),
    Patch(_SOURCE, NEW_NUMPY, """\
PyObject* (*PyArray_NewCopy)(PyObject *, int);
""", """\
PyObject* (*PyArray_NewCopy)(PyObject *, int);
PyArrayDescr_Proxy* (*PyArray_DescrFromType)(int);
"""),
    Patch(_SOURCE, NEW_NUMPY, '"numpy.core.multiarray"', '"numpy._core.multiarray"'),
    # An index that is a scalar of NumPy's: NumPy 2 reads more of a type than its number.
    Patch(_CONVERTER, NEW_NUMPY, """\
        PyArrayDescr_Proxy array_descr;
        array_descr.type_num = 5; // 5: int32
        int value;
        PyArray_CastScalarToCtype(obj, &value, &array_descr);
        var_slice->set_int(value);
""", """\
        PyObjHolder value(PyNumber_Long(obj));
        var_slice->set_int(PyLong_AsLong(value.obj));
"""),
    # Since Python 3.13 what `exec` imports does not appear in locals().
    Patch(_COMPILER, NEW_PYTHON, "mod = locals()[gen_name]", "mod = sys.modules[gen_name]"),
    Patch(_UTILS, NEW_PYTHON, "mod = locals()[hash]", "mod = sys.modules[hash]"),
    # Newer compilers also refuse what cannot be right in a template that nobody uses.
    Patch("jittor/src/misc/stack_vector.h", NEW_COMPILER, "self->at(index)", "self->a[index]"),
    # Python 3.14 starts a pool in fresh processes, which import the program once more each.
    Patch(_UTILS, NEWER_PYTHON, "p = Pool(", "p = mp.get_context('fork').Pool("),
]
