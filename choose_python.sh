#!/bin/sh
# Prints the Python to make the virtual environment with: python3 where that is one which works
# here, else the newest that is installed, saying so. Arguments are taken as the only candidates;
# OLDEST and NEWEST narrow the versions.
#
#     ./choose_python.sh
#     ./choose_python.sh /opt/python3.12/bin/python3
#     OLDEST=13 ./choose_python.sh
oldest=${OLDEST:-9}
newest=${NEWEST:-14}
# Jittor compiles against Python's headers, and needs its global lock.
check="
import ensurepip, pathlib, sys, sysconfig, venv
assert (3, $oldest) <= sys.version_info[:2] <= (3, $newest)
assert (pathlib.Path(sysconfig.get_path('include')) / 'Python.h').is_file()
assert not sysconfig.get_config_var('Py_GIL_DISABLED')
"
if [ $# -eq 0 ]; then
    set -- python3
    minor=$newest
    while [ "$minor" -ge "$oldest" ]; do
        set -- "$@" "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3
        minor=$((minor - 1))
    done
fi
for candidate; do
    if "$candidate" -c "$check" 2>/dev/null; then
        [ "$candidate" = "$1" ] || echo "$1 cannot be used here; using $candidate" >&2
        echo "$candidate"
        exit 0
    fi
done
echo "no Python 3.$oldest to 3.$newest with its headers and venv (looked for $1${2:+ and others}):" \
    "install one (Debian, Ubuntu: apt install python3-dev python3-venv; Fedora:" \
    "dnf install python3-devel)" >&2
exit 1
