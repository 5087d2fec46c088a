# What a machine needs before anything of ours can run on it; sourced by tests/run and benchmarks/run.
#
# PYTHON   the interpreter to make .venv with (default: python3)
#
# Root on Debian gets what is missing installed; for others it is named.

readonly VENV=.venv
readonly PEER_PROGRAMS=(Orthanc dcmqrscp storescp echoscu findscu getscu movescu storescu)
readonly SHELL_PROGRAMS=(zsh fish) # completion is tested in them

say() { printf '\n==> %s\n' "$*"; }

banner() {
    local line
    printf '\n%s\n' '!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'
    for line in "$@"; do printf '!!  %s\n' "$line"; done
    printf '%s\n\n' '!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'
}

give_up() {
    banner "$@" 'Nothing was done.'
    exit 1
}

# --- the packages of the system ----------------------------------------------------------------

may_install() { [[ $(id -u) == 0 && -e /etc/debian_version ]]; }

install_packages() {
    if ! may_install; then
        echo 'not root on Debian: not installing anything'
        return
    fi
    # Orthanc comes as a daemon; we start our own, and the system's is not wanted.
    local policy=/usr/sbin/policy-rc.d ours=0
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=1
        trap 'rm -f /usr/sbin/policy-rc.d; exit 130' INT TERM
    fi
    local apt=(apt-get --quiet --yes --option DPkg::Lock::Timeout=120)
    export DEBIAN_FRONTEND=noninteractive
    "${apt[@]}" update </dev/null &&
        "${apt[@]}" install --no-install-recommends "$@" </dev/null
    if ((ours)); then
        rm -f "$policy"
        trap - INT TERM
    fi
}

# --- the environment ---------------------------------------------------------------------------

# What the environment depends on: if one of these changes, it is made again.
environment_key() {
    pwd
    "$python" -c 'import sys; print(sys.executable, sys.version)'
    cat pyproject.toml requirements-dev.lock
}

# Debian's own Python comes without what makes an environment, and a bare Debian without Python.
make_python() {
    if [[ -z ${PYTHON-} ]] && ! python3 -c 'import ensurepip' 2>/dev/null && may_install; then
        say 'installing Python'
        install_packages python3 python3-venv
    fi
}

make_environment() {
    make_python
    python=$(command -v "${PYTHON:-python3}") || give_up "There is no ${PYTHON:-python3}."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        give_up "Python >= 3.11 is needed; $python is $("$python" -V)." 'PYTHON=... names another.'
    if [[ -x $VENV/bin/python ]] && environment_key | cmp -s - "$VENV/made-for"; then
        say "reusing $VENV"
        return
    fi
    say "making $VENV"
    "$python" -m venv --clear "$VENV" ||
        give_up "$VENV cannot be made (Debian: apt install python3-venv)."
    local pip=("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" --require-hashes --requirement requirements-dev.lock &&
        "${pip[@]}" --no-deps --no-build-isolation --editable . ||
        give_up "The package cannot be installed with its dependencies."
    environment_key >"$VENV/made-for"
}

# --- the peers ---------------------------------------------------------------------------------

missing_peers() {
    local name
    for name in "${PEER_PROGRAMS[@]}" "$@"; do
        # Orthanc is in /usr/sbin, which is not on everybody's PATH.
        PATH=$PATH:/usr/sbin command -v "$name" >/dev/null || printf '%s ' "$name"
    done
}

# Installs the peers, and the programs named as arguments, where they are missing and may be
# installed; `missing` says what still is.
make_peers() {
    missing=$(missing_peers "$@")
    if [[ -n $missing ]]; then
        say "installing the peers: $missing"
        install_packages orthanc dcmtk "$@"
        missing=$(missing_peers "$@")
    fi
    missing=${missing% }
}
